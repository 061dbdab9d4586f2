package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"coldsign/scripts/halves"
	"coldsign/scripts/postgres"
)

// share has the online half keep its list in PostgreSQL.
func (d *driver) share() (err error) {
	if d.server, err = postgres.Start(postgres.Fast); err != nil {
		return err
	}
	d.Database, err = d.server.Database("soak")
	return err
}

// replica is one more server on the same database.
type replica struct {
	program, dir, home, database string

	proc  *os.Process
	ended chan struct{}
}

// replica makes a home with the device key and the configuration of the first, and
// starts its server: of the build whose clock can be set.
func (d *driver) replica(n int) (*replica, error) {
	r := &replica{program: d.failing, dir: d.Dir, home: fmt.Sprintf("online-%d", n), database: d.Database}
	if err := os.Mkdir(d.Path(r.home), 0o700); err != nil {
		return nil, err
	}
	for _, name := range []string{"device.key", "config.toml"} {
		raw, err := os.ReadFile(d.Path("online/" + name))
		if err == nil {
			err = os.WriteFile(d.Path(r.home+"/"+name), raw, 0o600)
		}
		if err != nil {
			return nil, err
		}
	}
	return r, r.start()
}

// start starts the server and returns when it listens.
func (r *replica) start() error {
	cmd := exec.Command(r.program, "serve", "--listen", "127.0.0.1:0", "--home", r.home, "--database", r.database)
	cmd.Dir, cmd.Env = r.dir, []string{"HOME=" + r.dir, "COLDSIGN_CLOCK=" + r.clock()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	r.ended = make(chan struct{})
	ended, said := r.ended, make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the kernel kills it when this thread ends
		defer close(ended)
		if err := cmd.Start(); err != nil {
			said <- err
			return
		}
		r.proc = cmd.Process
		line, err := bufio.NewReader(out).ReadString('\n')
		if err == nil && !strings.HasPrefix(line, "listening") {
			err = errors.New(line)
		}
		said <- err
		cmd.Wait() //nolint:errcheck // it is killed
	}()
	return <-said
}

// clock is the file that says how many seconds its clock is off.
func (r *replica) clock() string { return filepath.Join(r.dir, r.home+".clock") }

func (r *replica) kill() {
	if r.proc != nil {
		r.proc.Kill() //nolint:errcheck // it may have ended
		<-r.ended
	}
}

// wait is for a database that is away.
func wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(200 * time.Millisecond):
		return nil
	}
}

// patiently does again what failed because the database was away.
func (d *driver) patiently(ctx context.Context, do func(context.Context) error) error {
	for try := 0; ; try++ {
		err := do(ctx)
		away := err != nil && (strings.HasPrefix(halves.CodeOf(err), "store.") || strings.Contains(err.Error(), "error: store."))
		if d.server == nil || !away || try == 100 {
			return err
		}
		d.counts.add("database", "command done again")
		if err := wait(ctx); err != nil {
			return err
		}
	}
}

// breaking kills replicas and the database's processes, and cuts connections, until
// it is stopped. Then all of them run.
func (d *driver) breaking(ctx context.Context) (stop func()) {
	if d.server == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Duration(300+rand.IntN(2500)) * time.Millisecond):
			}
			if err := d.smash(); err != nil {
				fmt.Fprintln(d.Log, "soak:", err)
			}
		}
	})
	return func() { cancel(); done.Wait() }
}

// smash breaks one thing.
func (d *driver) smash() error {
	switch n := rand.IntN(15); {
	case n < 4 && len(d.replicas) > 0:
		r := d.replicas[rand.IntN(len(d.replicas))]
		r.kill()
		d.counts.add("kill", "another replica")
		for try := 0; ; try++ {
			err := r.start()
			if err == nil || try == 50 {
				return err
			}
			time.Sleep(200 * time.Millisecond) // the database may be away
		}
	case n < 7:
		d.counts.add("database", "connections cut")
		_, err := d.server.Disconnect("soak")
		return err
	case n < 9:
		return d.backend()
	case n < 10:
		d.counts.add("database", "stopped at once, started again")
		d.server.Crash()
	case n < 12:
		d.counts.add("database", "server killed with -9, recovered")
		d.server.Kill()
	default:
		return d.setClock()
	}
	for try := 0; ; try++ {
		err := d.server.Again()
		if err == nil || try == 50 {
			return err
		}
		time.Sleep(200 * time.Millisecond) // processes of the one before are still there
	}
}

// setClock sets the clock of one replica up to ten days back or ahead, or right.
func (d *driver) setClock() error {
	if len(d.replicas) == 0 {
		return nil
	}
	offset := 0
	if rand.IntN(3) > 0 {
		offset = rand.IntN(20*86400) - 10*86400
	}
	d.counts.add("clock", "of a replica set")
	return os.WriteFile(d.replicas[rand.IntN(len(d.replicas))].clock(), []byte(fmt.Sprint(offset)), 0o600)
}

// backend kills one of the database's processes with -9: all connections are cut, and
// it recovers from its log.
func (d *driver) backend() error {
	db, err := sql.Open("pgx", d.server.Address(postgres.User, "postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	var pid int
	err = db.QueryRow("SELECT pid FROM pg_stat_activity WHERE datname = 'soak' ORDER BY random() LIMIT 1").Scan(&pid)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	d.counts.add("database", "process killed with -9")
	return err
}
