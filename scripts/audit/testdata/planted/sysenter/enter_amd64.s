#include "textflag.h"

TEXT ·enter(SB), NOSPLIT, $0
	MOVL $359, AX
	SYSENTER
	RET
