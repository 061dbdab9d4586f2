// Soak makes payments for a while through both programs, while everything around
// them goes wrong: they are killed at random points, nodes lie, hang up and
// reorganize, and files arrive torn. Then a reconciler, which shares no code with
// them, compares the chain, the database and the offline journal: each payment is
// made once or, when cancelled, not at all. It prints a table, and exits with 1 if
// that is not so.
//
//	go run ./scripts/soak -time 10m
//	go run ./scripts/soak -time 10m -chain bitcoin
//	go run ./scripts/soak -time 10m -chain solana
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"coldsign/scripts/halves"
)

// plan is how long and how hard.
type plan struct {
	Time   time.Duration // of faults
	Settle time.Duration // for what is on its way to arrive, afterwards
	Deep   bool          // reorganizations below the depth of complete payments, which take minutes to be believed
	Rate   float64       // of node calls that go wrong
	Log    io.Writer

	Chain    string // "ethereum", "bitcoin": two real btcd, or "solana": the validator's runtime
	Replicas int    // servers on one PostgreSQL, which is killed too; 0: one server on a file

	Built   halves.Programs // none: they are built
	Failing string          // an online half with failpoints, whose clock can be set; "": it is built where it is wanted
}

func main() {
	p := plan{Log: os.Stderr}
	flag.DurationVar(&p.Time, "time", 10*time.Minute, "how long things go wrong")
	flag.DurationVar(&p.Settle, "settle", 10*time.Minute, "how long all payments may take to come to an end afterwards")
	flag.Float64Var(&p.Rate, "rate", 0.12, "of node calls that go wrong")
	flag.IntVar(&p.Replicas, "replicas", 0, "so many servers on PostgreSQL; 0 for one on a file")
	flag.BoolVar(&p.Deep, "deep", true, "reorganize below complete payments too")
	flag.StringVar(&p.Chain, "chain", "ethereum", "ethereum, bitcoin or solana")
	bin := flag.String("bin", "", "folder with both programs; else they are built")
	times := flag.Int("points", 0, "kill so often at each crash point, and do nothing else")
	only := flag.String("only", strings.Join(sorted(), ","), "the crash points, with commas between")
	flag.Parse()
	if *bin != "" {
		p.Built = halves.Programs{Online: filepath.Join(*bin, "coldsign-online"), Offline: filepath.Join(*bin, "coldsign-offline")}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	do := func() (bool, error) { return soak(ctx, p, os.Stdout) }
	if *times > 0 {
		do = func() (bool, error) {
			return points(ctx, p, *times, strings.Split(*only, ","), true, os.Stdout)
		}
	}
	clean, err := do()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
	if !clean {
		os.Exit(1)
	}
}

// soak runs the plan and prints the table. It keeps the folder when something broke.
func soak(ctx context.Context, p plan, out io.Writer) (clean bool, err error) {
	dir, err := temporary()
	if err != nil {
		return false, err
	}
	defer func() {
		if clean && err == nil {
			os.RemoveAll(dir)
			return
		}
		fmt.Fprintln(p.Log, "kept for a look:", dir)
	}()
	switch p.Chain {
	case "bitcoin":
		return soakBitcoin(ctx, p, dir, out)
	case "solana":
		return soakSolana(ctx, p, dir, out)
	}
	d, err := begin(ctx, p, dir)
	if err != nil {
		return false, err
	}
	defer d.end()
	began := time.Now()
	if err := d.faults(ctx); err != nil {
		return false, err
	}
	r, err := d.settle(ctx)
	if err != nil {
		return false, err
	}
	d.table(out, r, time.Since(began))
	return r.clean(), nil
}
