// Command ceremony is the second tool of a key ceremony: it reads the public
// transcript that coldsign-offline wrote and derives all of it again, with other
// libraries and none of Coldsign's packages.
//
//	ceremony transcript.txt            the public part: signature, fingerprints, keys, addresses
//	ceremony -secrets transcript.txt   and from the words, on a machine without a network
//
// With -secrets it asks for the words, the passphrase of BIP-39 if there is one, the
// rolls and the machine's part, one on each line; an empty line leaves one out. It says
// MATCH, or MISMATCH and exits with 1. FORMAT.md of offline/internal/ceremony is what it
// was written from.
package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, in *os.File, out, errOut io.Writer) int {
	fs := flag.NewFlagSet("ceremony", flag.ContinueOnError)
	fs.SetOutput(errOut)
	secrets := fs.Bool("secrets", false, "ask for the words, and derive all from them")
	if fs.Parse(args) != nil || fs.NArg() != 1 {
		fmt.Fprintln(errOut, "usage: ceremony [-secrets] TRANSCRIPT")
		return 2
	}
	r, err := examine(fs.Arg(0), *secrets, in, errOut)
	if err != nil {
		fmt.Fprintln(errOut, "error:", err)
		return 1
	}
	for _, line := range r.lines {
		fmt.Fprintln(out, line)
	}
	if r.wrong > 0 {
		fmt.Fprintf(out, "MISMATCH: %d of %d checks failed\n", r.wrong, len(r.lines))
		return 1
	}
	fmt.Fprintf(out, "MATCH: %d checks\n", len(r.lines))
	return 0
}

func examine(name string, secrets bool, in *os.File, errOut io.Writer) (*report, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	t, err := Parse(raw)
	if err != nil {
		return nil, err
	}
	r := &report{}
	t.public(r)
	if secrets {
		s, err := ask(t, in, errOut)
		if err != nil {
			return nil, err
		}
		t.secret(r, s)
	}
	return r, nil
}

// ask reads the secrets. On a terminal the screen is emptied after them.
func ask(t *Transcript, in *os.File, errOut io.Writer) (s Secrets, err error) {
	lines := bufio.NewReaderSize(io.LimitReader(in, 1<<16), 1<<16)
	terminal := term.IsTerminal(int(in.Fd()))
	if terminal {
		defer fmt.Fprint(errOut, "\x1b[H\x1b[2J\x1b[3J")
	}
	line := func(question string) string {
		if err != nil {
			return ""
		}
		if terminal {
			fmt.Fprint(errOut, question+": ")
		}
		text, problem := lines.ReadString('\n')
		if problem != nil && !(errors.Is(problem, io.EOF) && text != "") && !(errors.Is(problem, io.EOF) && s.Words != "") {
			err = errors.New("the words are missing")
		}
		return strings.TrimRight(text, "\r\n")
	}
	s.Words = line("words")
	if t.Passphrase {
		s.Passphrase = line("passphrase of BIP-39")
	}
	if t.How != "os" {
		s.Rolls = strings.Join(strings.Fields(line("rolls, or an empty line")), "")
	}
	if t.How == "os+dice" {
		digits := strings.Join(strings.Fields(line("the machine's part in hex, or an empty line")), "")
		var bad error
		if s.Machine, bad = hex.DecodeString(digits); bad != nil || len(s.Machine) != 0 && len(s.Machine) != 64 {
			return s, errors.New("the machine's part has 128 hex digits")
		}
	}
	return s, err
}
