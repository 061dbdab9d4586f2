// Command tamper runs a program under ptrace(2) and attacks it from outside:
//
//	tamper -provoke socket -thread old -- coldsign-offline selftest
//	tamper -fake getrandom=fail:EIO -- coldsign-offline init
//	tamper -log calls.txt -- coldsign-offline version
//
// It ends with the program's exit status, or 128 and the signal's number. What it
// has to say goes to standard error.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"coldsign/scripts/tamper"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stderr))
}

func run(args []string, say io.Writer) int {
	plan, asJSON, err := read(args, say)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(say, "error:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	report, err := tamper.Run(ctx, plan)
	if f, ok := plan.Log.(*os.File); ok {
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		fmt.Fprintln(say, "error:", err)
		return 1
	}
	if asJSON {
		err = json.NewEncoder(say).Encode(report)
	} else {
		_, err = fmt.Fprintf(say, "tamper: %s: %s\n", plan.Cmd.Args[0], report)
	}
	switch {
	case err != nil:
		return 1
	case report.Signal != "":
		return 128 + int(unix.SignalNum(report.Signal))
	}
	return report.Status
}

// read makes a plan of the command line.
func read(args []string, say io.Writer) (plan tamper.Plan, asJSON bool, err error) {
	fs := flag.NewFlagSet("tamper", flag.ContinueOnError)
	fs.SetOutput(say)
	var p tamper.Provoke
	var log string
	var from int
	fs.StringVar(&p.Call, "provoke", "", "make this `CALL` once a seccomp filter is in place: a name, x32:NAME, or a number")
	fs.StringVar((*string)(&p.Thread), "thread", "", "provoke it in a thread of this `KIND`: main, old, new")
	fs.IntVar(&p.After, "after", 0, "leave `N` calls of such threads alone first")
	fs.Func("fake", "`CALL=WAY`: short, zero, constant or fail:ERRNO; may be given again", func(text string) error {
		f, err := tamper.ParseFake(text)
		plan.Fakes = append(plan.Fakes, f)
		return err
	})
	fs.IntVar(&from, "from", 1, "fake from the `N`th such call on")
	fs.BoolVar(&plan.NoVDSO, "no-vdso", false, "have the clock and the random source ask the kernel")
	fs.StringVar(&log, "log", "", "list all system calls in this `FILE`")
	fs.BoolVar(&asJSON, "json", false, "report as JSON")
	if err = fs.Parse(args); err != nil {
		return plan, asJSON, err
	}
	if fs.NArg() == 0 {
		return plan, asJSON, errors.New("give a program to run")
	}
	if p.Call != "" {
		plan.Provoke = &p
	}
	for i := range plan.Fakes {
		plan.Fakes[i].From = from
	}
	if log != "" {
		if plan.Log, err = os.Create(log); err != nil {
			return plan, asJSON, err
		}
	}
	plan.Cmd = exec.Command(fs.Arg(0), fs.Args()[1:]...)
	plan.Cmd.Stdin, plan.Cmd.Stdout, plan.Cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// It has a process group of its own; the terminal's keys must reach it.
	plan.Cmd.SysProcAttr = &unix.SysProcAttr{Foreground: term.IsTerminal(int(os.Stdin.Fd()))}
	return plan, asJSON, nil
}
