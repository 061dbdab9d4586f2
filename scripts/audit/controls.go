package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"coldsign/shared/fault"
)

// buildTime bounds one build; a cold cache compiles the standard library.
const buildTime = 10 * time.Minute

// control is a planted program that the audit must catch, in testdata/planted.
type control struct {
	name string
	want []string // what its findings or the error must say, all of it; none: it must pass
	only string   // the one machine that it is for, if not both
	args []string // for go build
	cgo  bool     // needs a C compiler, and is built for this machine only
}

func controls() []control {
	const socket, execve = "socket: it reaches the network", "execve: it starts a program or a process"
	return []control{
		{name: "clean"},
		{name: "allthreads"}, // a constant through AllThreadsSyscall is resolved, and fine
		{name: "socket", want: []string{"syscall.socket at", "socket: it reaches the network"}},
		{name: "number", want: []string{"main.main at", socket}},
		{name: "goroutine", want: []string{"main.main.gowrap1 at", socket}},
		{name: "variable", want: []string{"data at", "holds the address of syscall.Syscall,"}},
		{name: "rawvariable", want: []string{"data at", "holds the address of syscall.RawSyscall,"}},
		{name: "reflect", want: []string{"data at", "holds the address of syscall.Syscall6,"}},
		{name: "runtime", want: []string{"main.main at", "makes a system call whose number is not a constant"}},
		{name: "branches", want: []string{"main.main at", "makes a system call whose number is not a constant"}},
		{name: "switches", want: []string{"main.main at", "makes a system call whose number is not a constant"}},
		{name: "pointer", want: []string{"main.main at", "makes a system call whose number is not a constant"}},
		{name: "global", want: []string{"main.main at", "makes a system call whose number is not a constant"}},
		{name: "wrapper", want: []string{"main.call at", "whose number it is given by its caller"}},
		{name: "threads", want: []string{"main.main at", "bpf: it works past the system-call filter"}},
		{name: "threadsruntime", want: []string{"main.main at", "makes a system call whose number is not a constant"}},
		{name: "dial", want: []string{"package net is in the file", socket, "connect: it reaches the network"}},
		{name: "inlined", want: []string{"package net/netip is in the file"}},
		{name: "unix", want: []string{"golang.org/x/sys/unix.socket at", socket}},
		{name: "unixnumber", want: []string{"main.main at", socket}},
		{name: "exec", want: []string{execve}},
		{name: "osexec", want: []string{"package os/exec is in the file", execve}},
		{name: "ptrace", want: []string{"ptrace: it reads or changes other processes"}},
		{name: "uring", want: []string{"main.main at", "system call 425, io_uring_setup: it works past the system-call filter"}},
		{name: "unknown", want: []string{"main.main at", "system call 999: unknown number"}},
		{name: "assembly", want: []string{socket, "main.enter at", "a system-call instruction in a function that is not known to have one"}},
		{name: "tail", want: []string{"main.enter at", "whose number it is given by its caller"}},
		{name: "middle", only: "arm64", want: []string{"main.enter at", "leads into the middle of syscall.rawSyscallNoError"}},
		{name: "inside", only: "amd64", want: []string{"main.enter at", "takes the address of syscall.rawSyscallNoError,"}},
		{name: "address", want: []string{"main.enter at", "takes the address of golang.org/x/sys/unix.RawSyscall6,"}},
		{name: "word", want: []string{"data at", "holds the address of golang.org/x/sys/unix.RawSyscall6,"}},
		{name: "hidden", only: "amd64", want: []string{"main.enter at", "a jump into the middle of an instruction"}},
		{name: "int80", only: "amd64", want: []string{"main.enter at", "another door into the kernel"}},
		{name: "sysenter", only: "amd64", want: []string{"main.enter at", "another door into the kernel"}},
		{name: "x32", only: "amd64", want: []string{"main.main at", "system call 1073741865: unknown number"}},
		{name: "pie", args: []string{"-buildmode=pie"}, want: []string{"PT_DYNAMIC", "PT_INTERP", "not a fixed executable"}},
		{name: "cgo", cgo: true, want: []string{"PT_DYNAMIC", "PT_INTERP", "does not say CGO_ENABLED=0", "needs the library", "package runtime/cgo"}},
	}
}

// escaped says what is wrong with what the audit said of a control, or nothing;
// and the finding by which the control was caught.
func (c control) escaped(r result) (caught, wrong string) {
	var said []string
	for _, f := range r.Findings {
		said = append(said, f.String())
	}
	if r.err != nil {
		said = append(said, r.err.Error())
	}
	if len(c.want) == 0 && len(said) > 0 {
		return "", "a clean program is not clean: " + said[0]
	}
	for _, want := range c.want {
		found := ""
		for _, s := range said {
			if strings.Contains(s, want) {
				found = s
			}
		}
		if found == "" {
			return "", fmt.Sprintf("%d findings, none of which says %q", len(said), want)
		}
		caught = found
	}
	return caught, ""
}

// release is how the shipped binaries are built; see the Makefile.
func release(dir, arch, out, pkg string, cgo bool, args ...string) error {
	enabled := "CGO_ENABLED=0"
	if cgo {
		enabled = "CGO_ENABLED=1"
	}
	args = append([]string{"build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w -buildid=", "-o", out}, args...)
	ctx, stop := context.WithTimeout(context.Background(), buildTime)
	defer stop()
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, enabled, "GOEXPERIMENT=runtimesecret", "GOTOOLCHAIN=local", "GOFLAGS=", "GOAMD64=v1")
	cmd.WaitDelay = time.Second
	if said, err := cmd.CombinedOutput(); err != nil {
		return fault.New("audit.build", "run it inside the module with Go on the path", "cannot build %q for %q: %w: %q", pkg, arch, err, said)
	}
	return nil
}

// planted is the folder of the controls.
const planted = "scripts/audit/testdata/planted"

// root finds the module's folder.
func root() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	file := strings.TrimSpace(string(out))
	if err != nil || filepath.Base(file) != "go.mod" {
		return "", fault.New("audit.module", "run it inside the module", "no module here")
	}
	return filepath.Dir(file), nil
}

// trial is one control on one machine.
type trial struct {
	control
	arch          string
	caught, wrong string
	err           error
}

func trials() (all []trial) {
	for _, c := range controls() {
		for _, arch := range []string{"amd64", "arm64"} {
			switch {
			case c.only != "" && c.only != arch:
			case c.cgo && (arch != hostArch() || !hasCompiler()):
			default:
				all = append(all, trial{control: c, arch: arch})
			}
		}
	}
	return all
}

func (t *trial) run(module, dir string) {
	out := filepath.Join(dir, t.name+"-"+t.arch)
	if t.err = release(module, t.arch, out, "./"+planted+"/"+t.name, t.cgo, t.args...); t.err == nil {
		t.caught, t.wrong = t.escaped(auditFile(out))
	}
}

// runControls builds and audits every control, and prints how each was caught.
func runControls(w io.Writer) error {
	module, err := root()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "audit-controls-")
	if err != nil {
		return fault.New("audit.build", "give TMPDIR a folder with space", "no folder to build in: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	all := trials()
	var wg sync.WaitGroup
	slots := make(chan struct{}, 2)
	for i := range all {
		slots <- struct{}{}
		wg.Go(func() { all[i].run(module, dir); <-slots })
	}
	wg.Wait()
	escaped := 0
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "control\tarch\tcaught as")
	for _, c := range all {
		switch {
		case c.err != nil:
			return c.err
		case c.wrong != "":
			escaped++
			c.caught = "ESCAPED: " + c.wrong
		case len(c.want) == 0:
			c.caught = "nothing, as it should be"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", c.name, c.arch, safe(c.caught))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if escaped > 0 {
		return fault.New("audit.controls", "mend the audit before you trust it", "%d of %d controls escaped", escaped, len(all))
	}
	return nil
}
