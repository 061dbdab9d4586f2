// Package cli is the small part of a command line that both binaries share:
// flags before, between and after the operands, one line for an error, and the
// exit codes 0 done, 1 refused or failed, 2 usage.
package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Exit codes.
const (
	OK     = 0
	Failed = 1
	Usage  = 2
)

// UsageError is a command line that cannot be understood.
type UsageError struct{ What string }

// Error gives what is wrong.
func (e *UsageError) Error() string { return e.What }

// Usagef makes a UsageError.
func Usagef(format string, args ...any) error {
	return &UsageError{What: fmt.Sprintf(format, args...)}
}

// Parse reads flags wherever they stand among args and returns the operands.
// "--" ends the flags; a lone "-" is an operand.
func Parse(fs *flag.FlagSet, args []string) ([]string, error) {
	fs.SetOutput(io.Discard)
	var operands []string
	for {
		err := fs.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		if err != nil {
			return nil, &UsageError{What: err.Error()}
		}
		rest := fs.Args()
		if len(rest) == 0 {
			return operands, nil
		}
		if used := len(args) - len(rest); used > 0 && args[used-1] == "--" {
			return append(operands, rest...), nil
		}
		operands = append(operands, rest[0])
		args = rest[1:]
	}
}

// Command is one command of a program whose state is an A.
type Command[A any] struct {
	Name     string   // "wallet new"
	Flags    []string // names of the flags that it knows
	Min, Max int      // operands
	Do       func(A) error
}

// Match finds the command that args name and reads its flags, which define adds
// to a set by name. It gives the command and its operands. Leading flags of the
// kind "--home DIR" may stand before the command's words.
func Match[A any](args []string, commands []Command[A], define func(fs *flag.FlagSet, name string)) (c Command[A], operands []string, err error) {
	if len(args) == 0 {
		return c, nil, Usagef("no command; see --help")
	}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		return c, nil, flag.ErrHelp
	}
	every := flag.NewFlagSet("", flag.ContinueOnError)
	names := make([]string, len(commands))
	for i, k := range commands {
		names[i] = k.Name
		for _, f := range k.Flags {
			if every.Lookup(f) == nil {
				define(every, f)
			}
		}
	}
	takesValue := func(name string) bool {
		f := every.Lookup(name)
		if f == nil {
			return false
		}
		b, ok := f.Value.(interface{ IsBoolFlag() bool })
		return !ok || !b.IsBoolFlag()
	}
	name, rest, err := split(args, names, takesValue)
	if err != nil {
		return c, nil, err
	}
	c = commands[slices.Index(names, name)]
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	for _, f := range c.Flags {
		define(fs, f)
	}
	if operands, err = Parse(fs, rest); err != nil {
		return c, nil, err
	}
	if len(operands) < c.Min || len(operands) > c.Max {
		return c, nil, Usagef("%s takes %s, not %d", name, operandCount(c.Min, c.Max), len(operands))
	}
	return c, operands, nil
}

func operandCount(low, high int) string {
	switch {
	case high == 0:
		return "no operands"
	case low == high:
		return fmt.Sprintf("%d operand(s)", low)
	}
	return fmt.Sprintf("%d to %d operands", low, high)
}

// split takes the command's words out of args and gives the longest of names
// that they spell, and all other arguments in order.
func split(args []string, names []string, takesValue func(flag string) bool) (string, []string, error) {
	var words, rest []string
	var odd string // the first word that belongs to no command
	for i := 0; i < len(args); i++ {
		a := args[i]
		if strings.HasPrefix(a, "-") && a != "-" {
			rest = append(rest, a)
			if a == "--" {
				rest = append(rest, args[i+1:]...)
				break
			}
			if !strings.Contains(a, "=") && takesValue(strings.TrimLeft(a, "-")) && i+1 < len(args) {
				i++
				rest = append(rest, args[i])
			}
			continue
		}
		next := strings.Join(append(slices.Clone(words), a), " ")
		if !slices.ContainsFunc(names, func(n string) bool { return n == next || strings.HasPrefix(n, next+" ") }) {
			odd, rest = a, append(rest, args[i:]...)
			break
		}
		words = append(words, a)
	}
	name := strings.Join(words, " ")
	if slices.Contains(names, name) {
		return name, rest, nil
	}
	switch {
	case odd != "":
		return "", nil, Usagef("unknown command %s; see --help", quote.String(strings.TrimLeft(name+" "+odd, " ")))
	case name == "":
		return "", nil, Usagef("no command; see --help")
	}
	return "", nil, Usagef("%s needs a further word; see --help", quote.String(name))
}

// Report writes err as one line on w and gives the exit code.
func Report(w io.Writer, err error) int {
	if err == nil {
		return OK
	}
	if u, ok := errors.AsType[*UsageError](err); ok {
		fmt.Fprintf(w, "error: usage: %s\n", quote.Line(u.What))
		return Usage
	}
	fmt.Fprintf(w, "error: %s: %s\n", fault.Code(err), quote.Line(err.Error()))
	return Failed
}
