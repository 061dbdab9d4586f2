#include "textflag.h"

TEXT ·enter(SB), NOSPLIT, $0
	MOVD $198, R8
	MOVD $2, R0
	MOVD $1, R1
	MOVD $0, R2
	SVC
	RET
