#include "textflag.h"

TEXT ·enter(SB), NOSPLIT, $0
	MOVQ $41, AX
	BYTE $0xeb; BYTE $0x01
	BYTE $0xb8; BYTE $0x0f; BYTE $0x05; BYTE $0xc3; BYTE $0x90
	RET
