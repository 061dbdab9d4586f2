#include "textflag.h"

TEXT ·enter(SB), NOSPLIT, $0
	JMP golang·org∕x∕sys∕unix·RawSyscall6(SB)
