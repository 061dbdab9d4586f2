// Command storebench measures the database: how many payments are created, exported
// and completed in a second with SQLite and with PostgreSQL, by one, two and four
// processes, among ten thousand to a million rows. Both flush every change to the
// disk. It prints a table and judges nothing:
//
//	go run ./online/internal/store/storebench [-rows 10000,100000,1000000] [-seconds 4]
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"coldsign/online/internal/store"
	"coldsign/scripts/postgres"
)

const (
	waiting = 60_000 // pending rows that exports take from
	held    = 250    // rows of the server that is killed
)

func main() {
	var err error
	if len(os.Args) == 6 && os.Args[1] == "worker" {
		err = worker(os.Args[2], os.Args[3], os.Args[4], os.Args[5])
	} else {
		err = bench()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "storebench:", err)
		os.Exit(1)
	}
}

func bench() error {
	rows := flag.String("rows", "10000,100000,1000000", "sizes of the list, by commas")
	seconds := flag.Int("seconds", 4, "length of each measurement")
	flag.Parse()
	server, err := postgres.Start(postgres.Durable)
	if err != nil {
		return err
	}
	defer server.Stop()
	dir, err := os.MkdirTemp("", "coldsign-storebench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Printf("%d cores, %s; payments in a second, each change flushed to the disk\n\n", runtime.GOMAXPROCS(0), runtime.Version())
	fmt.Printf("%-12s %9s %10s %10s %10s %10s\n", "database", "processes", "rows", "created", "exported", "completed")
	for _, text := range strings.Split(*rows, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		if err := measure("SQLite", filepath.Join(dir, text+".db"), n, 1, *seconds); err != nil {
			return err
		}
		for _, processes := range []int{1, 2, 4} {
			name := fmt.Sprintf("rows%dby%d", n, processes)
			address, err := server.Database(name)
			if err == nil {
				err = measure("PostgreSQL", address, n, processes, *seconds)
			}
			if err == nil {
				err = server.Drop(name)
			}
			if err != nil {
				return err
			}
		}
	}
	return takeOver(server)
}

// takeOver kills a process that holds rows to broadcast, and measures until another
// has all of them.
func takeOver(server *postgres.Server) error {
	ctx := context.Background()
	where, err := server.Database("takeover")
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, where, time.Now)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := sign(ctx, s, held); err != nil {
		return err
	}
	r, err := start(where, "hold", "0/1", 0)
	if err != nil {
		return err
	}
	if _, err := r.out.ReadString('\n'); err != nil {
		return err
	}
	r.Process.Kill()
	r.Wait()
	begun, other := time.Now(), s.Replica()
	for n := 0; n < held; {
		rows, err := other.Due(ctx, held)
		if err != nil {
			return err
		}
		n += len(rows)
		time.Sleep(20 * time.Millisecond)
	}
	fmt.Printf("\na killed server's %d rows were another's after %.1f s\n", held, time.Since(begun).Seconds())
	return nil
}

func measure(name, where string, rows, processes, seconds int) error {
	ctx := context.Background()
	s, err := store.Open(ctx, where, time.Now)
	if err != nil {
		return err
	}
	defer s.Close()
	peer, own := make([]byte, 32), make([]byte, 32)
	peer[0], own[0] = 1, 2
	if err := s.SetPeer(ctx, peer, own, false); err != nil {
		return err
	}
	if err := fill(where, rows); err != nil {
		return err
	}
	var rates [3]float64
	for i, work := range []string{"create", "export", "complete"} {
		if rates[i], err = together(where, work, processes, seconds); err != nil {
			return err
		}
	}
	fmt.Printf("%-12s %9d %10d %10.0f %10.0f %10.0f\n", name, processes, rows, rates[0], rates[1], rates[2])
	return nil
}

// running is a process that works.
type running struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(where, work, part string, seconds int) (r running, err error) {
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	r.Cmd = exec.Command(self, "worker", where, work, part, strconv.Itoa(seconds))
	r.Stderr = os.Stderr
	if r.in, err = r.StdinPipe(); err != nil {
		return r, err
	}
	out, err := r.StdoutPipe()
	if err != nil {
		return r, err
	}
	r.out = bufio.NewReader(out)
	return r, r.Start()
}

// together runs the work in as many processes, and gives how much they did in a
// second.
func together(where, work string, processes, seconds int) (float64, error) {
	var list []running
	for i := range processes {
		r, err := start(where, work, fmt.Sprintf("%d/%d", i, processes), seconds)
		if err != nil {
			return 0, err
		}
		list = append(list, r)
	}
	for _, r := range list { // all of them are ready before one begins
		if _, err := r.out.ReadString('\n'); err != nil {
			return 0, err
		}
	}
	for _, r := range list {
		fmt.Fprintln(r.in)
	}
	var total float64
	for _, r := range list {
		var n, taken float64
		if _, err := fmt.Fscan(r.out, &n, &taken); err != nil {
			return 0, err
		}
		if err := r.Wait(); err != nil {
			return 0, err
		}
		total += n / taken
	}
	return total, nil
}
