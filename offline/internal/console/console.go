// Package console talks to the person at the cold laptop: prompts on the
// terminal, secrets without echo and into memory of their own, and never an answer
// that was typed before the question.
package console

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"coldsign/offline/internal/memory"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
)

const (
	maxLine = 4096 // bytes of a typed line
	spare   = 1024 // bytes behind it: so that reading never moves to other memory
)

// Console is the terminal, and the streams of the process.
type Console struct {
	In  *os.File
	Out io.Writer
	Err io.Writer

	secrets *memory.Arena // what was typed without echo, until Wipe
	undo    undo          // when a signal ends the program
}

// Terminal reports whether a person can answer.
func (c *Console) Terminal() bool { return c.In != nil && term.IsTerminal(int(c.In.Fd())) }

// Ask prints a question and reads a fresh line: what was typed ahead is dropped.
func (c *Console) Ask(question string) (string, error) {
	if !c.Terminal() {
		return "", fault.New("console.terminal", "", "there is no terminal to ask on")
	}
	if err := c.Fresh(); err != nil {
		return "", err
	}
	fmt.Fprint(c.Err, question)
	line, err := readLine(c.In)
	if err != nil {
		fmt.Fprintln(c.Err) // the error stands on a line of its own
	}
	return string(line), err
}

// room gives secret memory for what is read next.
func (c *Console) room() (b []byte, err error) {
	if c.secrets == nil {
		if c.secrets, err = memory.NewArena(); err != nil {
			return nil, err
		}
	}
	b, err = c.secrets.Bytes(maxLine + spare)
	return b[:0], err
}

// Wipe takes away all secrets that were read. The slices given for them may not be
// used any more.
func (c *Console) Wipe() {
	if c.secrets != nil {
		c.secrets.Close()
		c.secrets = nil
	}
}

// Secret reads a line without echo, from the terminal. It is valid until Wipe.
func (c *Console) Secret(question string) ([]byte, error) { return c.line(question, false) }

// Line is Secret with echo, for what is too long to be typed blind.
func (c *Console) Line(question string) ([]byte, error) { return c.line(question, true) }

func (c *Console) line(question string, echo bool) ([]byte, error) {
	if !c.Terminal() {
		return nil, fault.New("console.terminal", "give --passphrase-file FILE", "there is no terminal to ask for the passphrase")
	}
	b, err := c.room()
	if err != nil {
		return nil, err
	}
	if !echo {
		// The echo goes before the question comes: who answers at once is not shown.
		loud, err := silence(&c.undo, int(c.In.Fd()))
		if loud != nil {
			defer loud()
		}
		if err != nil {
			return nil, fault.New("console.terminal", "", "cannot switch off the terminal's echo: %w", err)
		}
		defer fmt.Fprintln(c.Err) // nobody saw Enter
	}
	fmt.Fprint(c.Err, question)
	b, err = typed(c.In, b)
	if err != nil && echo {
		fmt.Fprintln(c.Err) // the error stands on a line of its own
	}
	return b, err
}

// Reveal readies the screen for a secret. hide empties it, and so does a signal that
// ends the program meanwhile; the keys that would stop or abort it do nothing.
func (c *Console) Reveal() (hide func(), err error) {
	if !c.Terminal() {
		return nil, fault.New("console.terminal", "", "there is no terminal to show it on")
	}
	free, err := hold(&c.undo, int(c.In.Fd()))
	if err != nil {
		if free != nil {
			free()
		}
		return nil, fault.New("console.terminal", "", "cannot prepare the terminal: %w", err)
	}
	cleared := c.undo.push(c.Clear)
	return func() { cleared(); free() }, nil
}

// Fresh drops what was typed ahead.
func (c *Console) Fresh() error {
	if err := dropTyped(int(c.In.Fd())); err != nil {
		return fault.New("console.terminal", "", "cannot discard what was typed ahead: %w", err)
	}
	return nil
}

// Show puts a secret on the screen that Reveal gave: not any more once a signal has
// emptied it.
func (c *Console) Show(secret []byte) error {
	c.undo.Lock()
	defer c.undo.Unlock()
	_, err := c.Err.Write(secret)
	return err
}

// Clear empties the screen, and what could be scrolled back to.
func (c *Console) Clear() { fmt.Fprint(c.Err, "\x1b[H\x1b[2J\x1b[3J") }

// typed reads a line into the room that b has.
func typed(in io.Reader, b []byte) ([]byte, error) {
	for !bytes.HasSuffix(b, []byte("\n")) {
		if len(b) >= maxLine {
			return nil, fault.New("console.terminal", "", "the line is longer than %d bytes", maxLine)
		}
		n, err := in.Read(b[len(b):maxLine])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) && len(b) > 0 {
			break
		}
		if err != nil {
			return nil, fault.New("console.terminal", "", "cannot read from the terminal: %w", err)
		}
	}
	return bytes.TrimRight(b, "\r\n"), nil
}

// Passphrase reads the passphrase that what names from file, or asks. With confirm it
// is asked twice.
func (c *Console) Passphrase(what, file string, confirm bool) ([]byte, error) {
	if file != "" {
		return c.fromFile(file)
	}
	p, err := c.Secret(what + ": ")
	if err != nil || !confirm {
		return p, err
	}
	again, err := c.Secret(what + " again: ")
	if err != nil {
		return nil, err
	}
	defer clear(again)
	if !bytes.Equal(p, again) {
		return nil, fault.New("keystore.passphrase", "start again", "the two passphrases differ")
	}
	return p, nil
}

func (c *Console) fromFile(name string) ([]byte, error) {
	f, size, err := durable.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > maxLine {
		return nil, fault.New("file.size", "", "%q holds %d bytes, more than the %d allowed", name, size, maxLine)
	}
	b, err := c.room()
	if err == nil {
		b, err = durable.ReadAll(f, name, maxLine, b)
	}
	if err != nil {
		return nil, err
	}
	p := bytes.TrimRight(b, "\r\n")
	if len(p) == 0 {
		return nil, fault.New("keystore.passphrase", "", "the passphrase file is empty")
	}
	return p, nil
}

// SecretInput reads one secret: without echo from a terminal, else the whole of
// standard input. It is valid until Wipe.
func (c *Console) SecretInput(question string) ([]byte, error) {
	if c.Terminal() {
		return c.Secret(question)
	}
	b, err := c.room()
	if err != nil {
		return nil, err
	}
	return durable.ReadAll(c.In, "standard input", maxLine, b)
}

func readLine(r io.Reader) ([]byte, error) {
	line, err := bufio.NewReaderSize(io.LimitReader(r, maxLine), maxLine).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fault.New("console.terminal", "", "cannot read from the terminal: %w", err)
	}
	if err != nil && len(line) == 0 {
		return nil, fault.New("console.terminal", "", "the terminal was closed")
	}
	return bytes.TrimSpace(line), nil
}

// Same compares what a person typed with words, whatever the spaces and case.
func Same(typed, words string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(typed), " "), words)
}
