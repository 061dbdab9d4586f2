package elfaudit

import (
	"fmt"
	"strings"
)

// call is one row of the audit's own table of system calls. A number that is
// not in the table is a finding: somebody has to look at a new call, and add it
// here, before it can be shipped.
type call struct {
	name         string
	amd64, arm64 int    // -1 where the machine has none
	why          string // why it must not be in the file; empty if it may
}

// Why a call is denied.
const (
	network = "it reaches the network"
	program = "it starts a program or a process"
	process = "it reads or changes other processes"
	filter  = "it works past the system-call filter"
	kernel  = "it changes the kernel"
	shared  = "it talks to other processes"
)

// table gives the calls by number for one machine.
func table(arch string) map[uint64]call {
	byNumber := map[uint64]call{}
	for _, rows := range [][]call{denied(), allowed()} {
		for _, c := range rows {
			n := c.amd64
			if arch == "arm64" {
				n = c.arm64
			}
			if n >= 0 {
				byNumber[uint64(n)] = c
			}
		}
	}
	return byNumber
}

func denied() []call {
	return []call{
		{"socket", 41, 198, network},
		{"connect", 42, 203, network},
		{"accept", 43, 202, network},
		{"sendto", 44, 206, network},
		{"recvfrom", 45, 207, network},
		{"sendmsg", 46, 211, network},
		{"recvmsg", 47, 212, network},
		{"shutdown", 48, 210, network},
		{"bind", 49, 200, network},
		{"listen", 50, 201, network},
		{"getsockname", 51, 204, network},
		{"getpeername", 52, 205, network},
		{"socketpair", 53, 199, network},
		{"setsockopt", 54, 208, network},
		{"getsockopt", 55, 209, network},
		{"accept4", 288, 242, network},
		{"recvmmsg", 299, 243, network},
		{"sendmmsg", 307, 269, network},
		{"execve", 59, 221, program},
		{"execveat", 322, 281, program},
		{"fork", 57, -1, program},
		{"vfork", 58, -1, program},
		{"clone3", 435, 435, program},
		{"ptrace", 101, 117, process},
		{"process_vm_readv", 310, 270, process},
		{"process_vm_writev", 311, 271, process},
		{"process_madvise", 440, 440, process},
		{"kcmp", 312, 272, process},
		{"pidfd_getfd", 438, 438, process},
		{"bpf", 321, 280, filter},
		{"io_uring_setup", 425, 425, filter},
		{"io_uring_enter", 426, 426, filter},
		{"io_uring_register", 427, 427, filter},
		{"perf_event_open", 298, 241, filter},
		{"userfaultfd", 323, 282, filter},
		{"init_module", 175, 105, kernel},
		{"finit_module", 313, 273, kernel},
		{"delete_module", 176, 106, kernel},
		{"kexec_load", 246, 104, kernel},
		{"kexec_file_load", 320, 294, kernel},
		{"shmget", 29, 194, shared},
		{"shmat", 30, 196, shared},
		{"shmctl", 31, 195, shared},
		{"shmdt", 67, 197, shared},
		{"semget", 64, 190, shared},
		{"semop", 65, 193, shared},
		{"semctl", 66, 191, shared},
		{"semtimedop", 220, 192, shared},
		{"msgget", 68, 186, shared},
		{"msgsnd", 69, 189, shared},
		{"msgrcv", 70, 188, shared},
		{"msgctl", 71, 187, shared},
		{"mq_open", 240, 180, shared},
		{"mq_unlink", 241, 181, shared},
		{"mq_timedsend", 242, 182, shared},
		{"mq_timedreceive", 243, 183, shared},
		{"mq_notify", 244, 184, shared},
		{"mq_getsetattr", 245, 185, shared},
	}
}

// allowed gives the calls of allowedCalls.
func allowed() (rows []call) {
	for line := range strings.Lines(allowedCalls) {
		c := call{amd64: -1, arm64: -1}
		// A line that cannot be read leaves a call without numbers, which allows nothing.
		if _, err := fmt.Sscan(line, &c.name, &c.amd64, &c.arm64); err == nil {
			rows = append(rows, c)
		}
	}
	return rows
}

// allowedCalls lists what a program that only computes, and works on files,
// terminals and its own memory, may ask of the kernel: name, number on amd64,
// number on arm64.
const allowedCalls = `read 0 63
write 1 64
open 2 -1
close 3 57
stat 4 -1
fstat 5 80
lstat 6 -1
poll 7 -1
lseek 8 62
mmap 9 222
mprotect 10 226
munmap 11 215
brk 12 214
rt_sigaction 13 134
rt_sigprocmask 14 135
rt_sigreturn 15 139
ioctl 16 29
pread64 17 67
pwrite64 18 68
readv 19 65
writev 20 66
access 21 -1
pipe 22 -1
select 23 -1
sched_yield 24 124
mremap 25 216
msync 26 227
mincore 27 232
madvise 28 233
dup 32 23
dup2 33 -1
nanosleep 35 101
getitimer 36 102
setitimer 38 103
getpid 39 172
sendfile 40 71
clone 56 220
exit 60 93
wait4 61 260
kill 62 129
uname 63 160
fcntl 72 25
flock 73 32
fsync 74 82
fdatasync 75 83
truncate 76 45
ftruncate 77 46
getdents 78 -1
getcwd 79 17
chdir 80 49
fchdir 81 50
rename 82 -1
mkdir 83 -1
rmdir 84 -1
unlink 87 -1
readlink 89 -1
chmod 90 -1
fchmod 91 52
chown 92 -1
fchown 93 55
umask 95 166
gettimeofday 96 169
getrlimit 97 163
getrusage 98 165
sysinfo 99 179
times 100 153
getuid 102 174
getgid 104 176
geteuid 107 175
getegid 108 177
getppid 110 173
sigaltstack 131 132
statfs 137 43
fstatfs 138 44
mlock 149 228
munlock 150 229
prctl 157 167
arch_prctl 158 -1
setrlimit 160 164
sync 162 81
gettid 186 178
tkill 200 130
time 201 -1
futex 202 98
sched_setaffinity 203 122
sched_getaffinity 204 123
epoll_create 213 -1
getdents64 217 61
set_tid_address 218 96
restart_syscall 219 128
timer_create 222 107
timer_settime 223 110
timer_delete 226 111
clock_gettime 228 113
clock_getres 229 114
clock_nanosleep 230 115
exit_group 231 94
epoll_wait 232 -1
epoll_ctl 233 21
tgkill 234 131
waitid 247 95
openat 257 56
mkdirat 258 34
fchownat 260 54
newfstatat 262 79
unlinkat 263 35
renameat 264 38
linkat 265 37
symlinkat 266 36
readlinkat 267 78
fchmodat 268 53
faccessat 269 48
pselect6 270 72
ppoll 271 73
set_robust_list 273 99
splice 275 76
utimensat 280 88
epoll_pwait 281 22
timerfd_create 283 85
fallocate 285 47
timerfd_settime 286 86
eventfd2 290 19
epoll_create1 291 20
dup3 292 24
pipe2 293 59
preadv 295 69
pwritev 296 70
prlimit64 302 261
getcpu 309 168
renameat2 316 276
seccomp 317 277
getrandom 318 278
memfd_create 319 279
membarrier 324 283
mlock2 325 284
copy_file_range 326 285
statx 332 291
rseq 334 293
pidfd_send_signal 424 424
pidfd_open 434 434
close_range 436 436
openat2 437 437
faccessat2 439 439
epoll_pwait2 441 441
landlock_create_ruleset 444 444
landlock_add_rule 445 445
landlock_restrict_self 446 446
memfd_secret 447 447
fchmodat2 452 452
`
