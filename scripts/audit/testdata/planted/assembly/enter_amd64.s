#include "textflag.h"

TEXT ·enter(SB), NOSPLIT, $0
	MOVQ $41, AX
	MOVQ $2, DI
	MOVQ $1, SI
	MOVQ $0, DX
	SYSCALL
	RET
