// Package load attacks a running server as threats of its transport do, thousands of
// clients at once, while one healthy client goes on asking:
//
//	figures, err := load.Attack(ctx, url, key, load.Whole())
//
// What the server must do is refuse or close; what the healthy client must see is its
// answers, soon.
package load

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Size is how many clients of each kind attack.
type Size struct {
	Idle    int           // connected, and silent
	Slow    int           // a byte of a header each second
	Endless int           // a body in chunks that does not end
	Huge    int           // a body that says it has 1 GiB
	Bombs   int           // a small body that would be large when unpacked
	Strange int           // two lengths, or a length and chunks
	Time    time.Duration // of the attack, at least: it goes on until each kind was answered
}

// Whole is the attack of the threat list.
func Whole() Size { return Size{5000, 500, 8, 8, 8, 8, 20 * time.Second} }

// Figures are what came of it.
type Figures struct {
	Asked    int // by the healthy client
	Failed   int // of them, answered wrongly or not at all
	Median   time.Duration
	P99      time.Duration
	Most     time.Duration
	RSS      int64 // bytes that the server held at most
	Held     int64 // idle connections at the end
	Statuses map[string]int
}

type attack struct {
	Size
	address, key string
	packed       string // 64 MiB of spaces
	mu           sync.Mutex
	statuses     map[string]int
	held         atomic.Int64
}

// Attack begins all of it at once, and tells what the healthy client saw. pid is the
// server's, on this machine.
func Attack(ctx context.Context, base, key string, pid int, size Size) (Figures, error) {
	u, err := url.Parse(base)
	if err != nil {
		return Figures{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := &attack{Size: size, address: u.Host, key: key, packed: packed(), statuses: map[string]int{}}
	var all sync.WaitGroup
	for n, f := range map[*int]func(context.Context){
		&a.Idle: a.idle, &a.Slow: a.slow, &a.Endless: a.endless, &a.Huge: a.huge, &a.Bombs: a.bomb, &a.Strange: a.strange,
	} {
		for range *n {
			all.Go(func() { f(ctx) })
		}
	}
	f := Figures{Statuses: a.statuses}
	all.Go(func() { f.RSS = watch(ctx, pid) })
	a.healthy(ctx, base, &f)
	f.Held = a.held.Load()
	cancel()
	all.Wait()
	if f.Asked == 0 || f.RSS == 0 {
		return f, errors.New("nothing was measured")
	}
	return f, nil
}

// healthy asks as fast as it is answered, one after another.
func (a *attack) healthy(ctx context.Context, base string, f *Figures) {
	var took []time.Duration
	client := &http.Client{Timeout: 10 * time.Second}
	for end := time.Now().Add(a.Time); ctx.Err() == nil && (time.Now().Before(end) || a.waits()); {
		req, err := http.NewRequest("POST", base+"/v3/kms/pending/BTC", strings.NewReader(`{"signatureIds":[]}`))
		if err != nil {
			panic(err) // the address is the server's own
		}
		req.Header.Set("x-api-key", a.key)
		began := time.Now()
		resp, err := client.Do(req)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		f.Asked++
		took = append(took, time.Since(began))
		if err != nil || resp.StatusCode != http.StatusOK {
			f.Failed++
		}
	}
	slices.Sort(took)
	f.Median, f.P99, f.Most = took[len(took)/2], took[len(took)*99/100], took[len(took)-1]
}

// waits reports whether a kind of attack has had no answer yet.
func (a *attack) waits() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for kind, n := range map[string]int{"endless": a.Endless, "1 GiB": a.Huge, "gzip": a.Bombs, "two lengths": a.Strange, "length and chunks": a.Strange} {
		seen := n == 0
		for got := range a.statuses {
			seen = seen || strings.HasPrefix(got, kind)
		}
		if !seen {
			return true
		}
	}
	return false
}

func (a *attack) dial(ctx context.Context) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.address)
	if err == nil {
		context.AfterFunc(ctx, func() { c.Close() })
	}
	return c, err
}

// head is the beginning of a poll.
func (a *attack) head(lines string) string {
	return "POST /v3/kms/pending/BTC HTTP/1.1\r\nHost: " + a.address + "\r\nx-api-key: " + a.key + "\r\n" + lines
}

// told notes what the server answered, or that it closed.
func (a *attack) told(kind string, c net.Conn) {
	line, err := bufio.NewReader(c).ReadString('\n')
	status := "closed"
	if f := strings.Fields(line); err == nil && len(f) > 1 {
		status = f[1]
	}
	a.mu.Lock()
	a.statuses[kind+" "+status]++
	a.mu.Unlock()
}

func (a *attack) idle(ctx context.Context) {
	for ctx.Err() == nil { // connected again when it is thrown out
		c, err := a.dial(ctx)
		if err != nil {
			return
		}
		a.held.Add(1)
		_, _ = c.Read(make([]byte, 1))
		if ctx.Err() == nil {
			a.held.Add(-1)
		}
		c.Close()
	}
}

func (a *attack) slow(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for ctx.Err() == nil {
		c, err := a.dial(ctx)
		if err != nil {
			return
		}
		for _, b := range []byte(a.head("X-Slow: yes\r\n")) {
			if _, err = c.Write([]byte{b}); err != nil {
				break
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
		c.Close()
	}
}

// pour writes the same piece until the server has had enough.
func (a *attack) pour(ctx context.Context, kind, head string, piece []byte) {
	for ctx.Err() == nil {
		c, err := a.dial(ctx)
		if err != nil {
			return
		}
		answered := make(chan struct{})
		go func() { defer close(answered); a.told(kind, c) }()
		_, err = io.WriteString(c, head)
		for err == nil {
			select {
			case <-answered:
				err = io.EOF
			default:
				_, err = c.Write(piece)
			}
		}
		<-answered
		c.Close()
	}
}

func (a *attack) endless(ctx context.Context) {
	piece := fmt.Appendf(nil, "%x\r\n%s\r\n", 64<<10, bytes.Repeat([]byte{' '}, 64<<10))
	a.pour(ctx, "endless", a.head("Transfer-Encoding: chunked\r\n\r\n"), piece)
}

func (a *attack) huge(ctx context.Context) {
	a.pour(ctx, "1 GiB", a.head("Content-Length: "+strconv.Itoa(1<<30)+"\r\n\r\n"), bytes.Repeat([]byte{' '}, 64<<10))
}

// packed is 64 MiB of spaces, packed.
func packed() string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for range 1024 {
		_, _ = z.Write(bytes.Repeat([]byte{' '}, 64<<10))
	}
	z.Close()
	return b.String()
}

func (a *attack) bomb(ctx context.Context) {
	a.once(ctx, "gzip", a.head("Content-Encoding: gzip\r\nConnection: close\r\nContent-Length: "+strconv.Itoa(len(a.packed))+"\r\n\r\n")+a.packed)
}

func (a *attack) strange(ctx context.Context) {
	a.once(ctx, "two lengths", a.head("Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"))
	a.once(ctx, "length and chunks", a.head("Connection: close\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
}

func (a *attack) once(ctx context.Context, kind, request string) {
	c, err := a.dial(ctx)
	if err != nil {
		return
	}
	defer c.Close()
	go func() { _, _ = io.WriteString(c, request) }()
	a.told(kind, c)
}

// watch gives the most memory that the process held.
func watch(ctx context.Context, pid int) (most int64) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err == nil {
			if _, rest, ok := strings.Cut(string(raw), "VmRSS:"); ok {
				n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				most = max(most, n<<10)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return most
		}
	}
}
