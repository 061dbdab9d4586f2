// Command demo sends payments on three chains across the gap, on real nodes of
// this machine:
//
//	go run ./scripts/demo [-bin DIR] [-timeout 10m]
//
// It starts btcd, anvil and a Solana runtime, both halves of Coldsign in homes
// of their own, creates 25 pending transactions over HTTP, carries one bundle
// across and back, and ends with status 0 only when the nodes, asked directly,
// have every payment.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"coldsign/scripts/halves"
)

func main() {
	bin := flag.String("bin", "", "folder with coldsign-online and coldsign-offline; without it they are built")
	timeout := flag.Duration("timeout", 10*time.Minute, "for everything")
	flag.Parse()
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(interrupted, *timeout)
	defer cancel()
	if err := run(ctx, *bin); err != nil {
		if interrupted.Err() != nil {
			err = errors.New("interrupted")
		}
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run is the demo. What it starts, it stops.
func run(ctx context.Context, bin string) (err error) {
	dir, err := os.MkdirTemp("", "coldsign-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d := &demo{h: &halves.Halves{Dir: dir, Say: say, Show: show}}
	defer d.stop()
	defer func() { err = errors.Join(err, d.h.Stop()) }()
	for _, step := range []struct {
		title string
		do    func(context.Context) error
	}{
		{"build", func(ctx context.Context) error { return d.build(ctx, bin) }},
		{"start a node of each chain", d.start},
		{"make an offline home and pair it", d.h.Init},
		{"make wallets and share their public keys", d.wallets},
		{"start the online half", d.serve},
		{"fund the wallets", d.fund},
		{"create pending transactions", d.submit},
		{"carry one bundle across the gap and back", d.carry},
		{"broadcast, and wait for confirmations", d.broadcast},
	} {
		fmt.Printf("\n== %s\n", step.title)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.title, err)
		}
	}
	return d.finish(ctx)
}

func say(line string)    { fmt.Println("$ " + line) }
func show(output string) { fmt.Print(output) }

func (d *demo) build(ctx context.Context, bin string) (err error) {
	if bin == "" {
		fmt.Println("$ CGO_ENABLED=0 go build -trimpath ./online ./offline")
		d.h.Programs, err = halves.Build(ctx, d.h.Dir)
		return err
	}
	if bin, err = filepath.Abs(bin); err != nil {
		return err
	}
	d.h.Programs = halves.Programs{Online: filepath.Join(bin, "coldsign-online"), Offline: filepath.Join(bin, "coldsign-offline")}
	for _, p := range []string{d.h.Programs.Online, d.h.Programs.Offline} {
		if _, err := os.Stat(p); err != nil {
			return fmt.Errorf("run \"make build\" first: %w", err)
		}
		fmt.Println(p)
	}
	return nil
}

// finish asks the nodes and prints the table.
func (d *demo) finish(ctx context.Context) error {
	var problems []error
	done := 0
	for i := range d.payments {
		p := &d.payments[i]
		if p.row.State != "complete" {
			problems = append(problems, fmt.Errorf("%s %s is %s: %s %s", p.chain, p.row.ID, p.row.State, p.row.Code, p.row.Reason))
			continue
		}
		if err := p.check(ctx, p.row.TxID); err != nil {
			problems = append(problems, fmt.Errorf("the node of %s: %w", p.chain, err))
			continue
		}
		done++
	}
	fmt.Println()
	table(os.Stdout, d.payments)
	fmt.Printf("demo: %d of %d transactions complete\n", done, len(d.payments))
	return errors.Join(problems...)
}

// digest finds the batch digest in a printed review: its last line.
func digest(review []byte) (string, error) {
	text := strings.TrimSpace(string(review))
	last := text[strings.LastIndexByte(text, '\n')+1:]
	if last = strings.TrimSpace(last); len(last) != 64 {
		return "", fmt.Errorf("the review ends with %q, not with a digest", last)
	}
	return last, nil
}
