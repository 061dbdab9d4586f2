// Package doctor examines an installation of the online half: what would stop
// payments now or soon, each finding with its cure. It changes nothing.
//
//	findings := doctor.Examine(ctx, doctor.Patient{...})
package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

const (
	nodeTime   = 20 * time.Second // for one node to answer
	longOut    = 24 * time.Hour   // at the offline half: somebody forgot a stick
	longOnWay  = 6 * time.Hour    // on its way to a block
	soon       = time.Hour        // before a deadline
	skew       = 2 * time.Second  // of a clock that no entry can be ahead of
	fullDisk   = 100 << 20        // bytes free below which nothing is safe
	littleDisk = 1 << 30          // bytes free below which a person should act
)

// Level is how bad a finding is. The zero value is invalid.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Warning Level = "warning" // payments go on, for now
	Bad     Level = "bad"     // something does not work
)

// Finding is the result of one check: a printable line, and the cure.
type Finding struct {
	Check string `json:"check"`
	Level Level  `json:"level"`
	Code  string `json:"code,omitempty"`
	Text  string `json:"text"`
	Cure  string `json:"cure,omitempty"`
}

// Rows is what is asked of the database.
type Rows interface {
	Ping(context.Context) error
	Stats(context.Context) ([]store.Group, error)
	Paired(context.Context) error
	JournalHead(context.Context) (bundle.Head, error)
	Latest(context.Context) (time.Time, error)
}

// Checker is a node, asked whether it serves its network.
type Checker interface {
	Check(context.Context) error
}

// Node is a node with its network.
type Node struct {
	Network chain.ID
	Name    string // which of the network's nodes; no address: it may hold a key
	Checker
}

// Patient is what is examined.
type Patient struct {
	Home  string // folder
	Disk  string // folder whose disk the database fills, "" when it is elsewhere
	Rows  Rows
	Nodes []Node
	Now   func() time.Time
}

// Examine makes all checks and gives one finding or more of each.
func Examine(ctx context.Context, p Patient) []Finding {
	list := []Finding{p.database(ctx), p.clock(ctx), kernelClock()}
	list = append(list, p.files()...)
	if p.Disk != "" {
		list = append(list, disk(p.Disk))
	}
	list = append(list, p.pairing(ctx))
	list = append(list, p.nodes(ctx)...)
	return append(list, p.rows(ctx)...)
}

// Worst gives the worst level among the findings.
func Worst(list []Finding) Level {
	worst := OK
	for _, f := range list {
		switch {
		case f.Level == OK || f.Level == Warning && worst == Bad:
		default:
			worst = f.Level
		}
	}
	return worst
}

// failed turns an error into a finding; its code and cure are those of the fault.
func failed(check string, level Level, err error) Finding {
	return Finding{check, level, fault.Code(err), quote.Line(err.Error()), ""}
}

func (p Patient) database(ctx context.Context) Finding {
	if err := p.Rows.Ping(ctx); err != nil {
		return failed("database", Bad, err)
	}
	return Finding{Check: "database", Level: OK, Text: "it answers, and its schema is this program's"}
}

// clock compares with what was written last: no entry can be of the future.
func (p Patient) clock(ctx context.Context) Finding {
	latest, err := p.Rows.Latest(ctx)
	if err != nil {
		return failed("clock", Bad, err)
	}
	if now := p.Now(); now.Before(latest.Add(-skew)) {
		return Finding{"clock", Bad, "clock.back", fmt.Sprintf("the clock says %s, and the database was last changed at %s", stamp(now), stamp(latest)), "set the clock"}
	}
	return Finding{Check: "clock", Level: OK, Text: stamp(p.Now())}
}

// kernelClock asks the kernel whether anything keeps its clock right.
func kernelClock() Finding {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil || state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0 {
		return Finding{"time service", Warning, "clock.unsynchronized", "no time service has set the kernel's clock", "run one, e.g. systemd-timesyncd or chrony"}
	}
	return Finding{Check: "time service", Level: OK, Text: "the kernel's clock is synchronized"}
}

// files wants the home, where the device key is, to be its owner's alone.
func (p Patient) files() []Finding {
	info, err := os.Stat(p.Home)
	if err != nil {
		return []Finding{failed("home", Bad, fault.New("home.missing", "give --home", "no folder %q", p.Home))}
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return []Finding{{"home", Warning, "home.open", fmt.Sprintf("others may enter the home (mode %04o)", mode), "run chmod 700 on it"}}
	}
	open := Finding{Check: "home", Level: OK, Text: "only its owner may enter"}
	entries, err := os.ReadDir(p.Home)
	if err != nil {
		return []Finding{failed("home", Bad, fault.New("home.missing", "", "cannot read the home %q", p.Home))}
	}
	for _, e := range entries {
		if i, err := e.Info(); err == nil && i.Mode().Type() == fs.ModeSymlink {
			open = Finding{"home", Warning, "home.link", fmt.Sprintf("%q in the home is a link", e.Name()), "put the file itself there"}
		}
	}
	return []Finding{open}
}

func disk(dir string) Finding {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return failed("disk", Bad, fault.New("disk.read", "", "cannot ask the disk of %q", dir))
	}
	free := s.Bavail * uint64(s.Bsize)
	text := fmt.Sprintf("%d MiB are free where the database is", free>>20)
	switch {
	case free < fullDisk:
		return Finding{"disk", Bad, "disk.full", text, "free space before anything else"}
	case free < littleDisk:
		return Finding{"disk", Warning, "disk.little", text, "free space"}
	}
	return Finding{Check: "disk", Level: OK, Text: text}
}

func (p Patient) pairing(ctx context.Context) Finding {
	err := p.Rows.Paired(ctx)
	switch {
	case fault.Is(err, "pair.missing"):
		return failed("pairing", Warning, err)
	case err != nil:
		return failed("pairing", Bad, err)
	}
	head, err := p.Rows.JournalHead(ctx)
	if err != nil {
		return failed("pairing", Bad, err)
	}
	if head.Number == 0 {
		return Finding{Check: "pairing", Level: OK, Text: "paired; the offline half has told no journal entry yet"}
	}
	return Finding{Check: "pairing", Level: OK, Text: fmt.Sprintf("paired; its journal was at entry %d, head %x: compare it with \"coldsign-offline journal verify --head\"", head.Number, head.Hash)}
}

// nodes asks all at once: one that hangs costs its own time only.
func (p Patient) nodes(ctx context.Context) []Finding {
	if len(p.Nodes) == 0 {
		return []Finding{{"nodes", Warning, "node.missing", "no node is configured: nothing can be broadcast", "add [[network]] tables to config.toml"}}
	}
	list := make([]Finding, len(p.Nodes))
	var wg sync.WaitGroup
	for i, n := range p.Nodes {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, nodeTime)
			defer cancel()
			name := "node of " + string(n.Network)
			if n.Name != "" {
				name += ", " + n.Name
			}
			if err := n.Check(ctx); err != nil {
				list[i] = failed(name, Bad, err)
				return
			}
			list[i] = Finding{Check: name, Level: OK, Text: "it answers for this network"}
		})
	}
	wg.Wait()
	return list
}

// rows looks for what waits too long.
func (p Patient) rows(ctx context.Context) []Finding {
	groups, err := p.Rows.Stats(ctx)
	if err != nil {
		return []Finding{failed("transactions", Bad, err)}
	}
	var list []Finding
	now, waiting := p.Now(), int64(0)
	for _, g := range groups {
		if g.Network == "" {
			continue
		}
		check := fmt.Sprintf("%s of %s", g.State, g.Network)
		waiting += g.Count
		age := now.Sub(g.Oldest)
		if g.Deadline != 0 && (g.State == pending.Pending || g.State == pending.Exported || g.State == pending.Signed) {
			if left := g.Deadline - now.Unix(); left < int64(soon/time.Second) {
				list = append(list, Finding{check, Warning, "deadline.near", fmt.Sprintf("the nearest deadline is %s", stamp(time.Unix(g.Deadline, 0))), "export and sign it, or let it be cancelled"})
			}
		}
		if g.Noted > 0 && (g.State == pending.Broadcasting || g.State == pending.Broadcast) {
			list = append(list, Finding{check, Warning, "transaction.noted", fmt.Sprintf("something keeps %d of %d from landing", g.Noted, g.Count), "see \"coldsign-online pending --state " + string(g.State) + "\""})
		}
		switch {
		case g.State == pending.Exported && age > longOut:
			list = append(list, Finding{check, Warning, "transaction.out", fmt.Sprintf("the oldest of %d has waited %s for its answer", g.Count, hours(age)), "bring the answer back, or take the bundle across again: export --bundle N"})
		case (g.State == pending.Broadcasting || g.State == pending.Broadcast) && age > longOnWay:
			list = append(list, Finding{check, Warning, "transaction.slow", fmt.Sprintf("the oldest of %d was created %s ago and is in no block deep enough", g.Count, hours(age)), "see its nodes and its fee"})
		}
	}
	if len(list) == 0 {
		list = append(list, Finding{Check: "transactions", Level: OK, Text: fmt.Sprintf("%d are on their way, none for too long", waiting)})
	}
	return list
}

func hours(d time.Duration) string { return fmt.Sprintf("%d h", int64(d/time.Hour)) }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
