// Command createbench measures the KMS API's creation calls over HTTP: the shipped
// server with SQLite, a real node of a local network beside it, and clients that pay
// from one wallet and from many. Then it kills the server under load and looks for every
// payment that was answered. It prints a table and judges no figure:
//
//	make build && go run ./online/internal/create/createbench [-seconds 5]
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/scripts/rig"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

const wallets = 64

func main() {
	seconds := flag.Int("seconds", 5, "length of each measurement")
	flag.Parse()
	if err := bench(context.Background(), time.Duration(*seconds)*time.Second); err != nil {
		fmt.Fprintln(os.Stderr, "createbench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, length time.Duration) error {
	dir, err := os.MkdirTemp("", "coldsign-createbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	node, err := rig.Start(ctx, rig.KindAnvil)
	if err != nil {
		return err
	}
	defer node.Stop()
	b := &server{home: filepath.Join(dir, "online"), made: map[string]bool{}}
	if err := b.prepare(ctx, node.URL); err != nil {
		return err
	}
	stop, err := b.serve()
	if err != nil {
		return err
	}
	defer stop()
	fmt.Printf("%d cores, %s; creation calls over HTTP, SQLite, each row flushed to the disk, anvil as node\n\n", runtime.GOMAXPROCS(0), runtime.Version())
	fmt.Printf("%-40s %10s %10s %10s %10s\n", "POST /v3/ethereum/transaction", "a second", "median ms", "p95 ms", "p99 ms")
	for _, c := range []struct{ clients, wallets int }{{1, 1}, {1, wallets}, {16, 1}, {16, wallets}, {64, wallets}} {
		times, err := b.load(length, c.clients, c.wallets)
		if err != nil {
			return err
		}
		at := func(percent int) float64 { return float64(times[len(times)*percent/100].Microseconds()) / 1000 }
		fmt.Printf("%-40s %10.0f %10.2f %10.2f %10.2f\n", fmt.Sprintf("%d clients, %d wallets", c.clients, c.wallets), float64(len(times))/length.Seconds(), at(50), at(95), at(99))
	}
	kill := time.AfterFunc(length/2, func() { b.proc.Kill() }) //nolint:errcheck // then the load does not fail
	defer kill.Stop()
	if _, err := b.load(length, 16, wallets); err == nil {
		return errors.New("the server outlived its killing")
	}
	stop()
	return b.check(ctx)
}

// server is the shipped program with its home.
type server struct {
	home, key, url string
	proc           *os.Process

	mu   sync.Mutex
	made map[string]bool // ids that were answered
}

// prepare makes a home with wallets of one key each, a key for the API, and the node.
func (b *server) prepare(ctx context.Context, node string) error {
	if err := os.MkdirAll(b.home, 0o700); err != nil {
		return err
	}
	text := fmt.Sprintf("[[network]]\nchain = \"ETH\"\nnetwork = \"local\"\nrpc = %q\n", node)
	if err := os.WriteFile(filepath.Join(b.home, "config.toml"), []byte(text), 0o600); err != nil {
		return err
	}
	s, err := store.Open(ctx, filepath.Join(b.home, "coldsign.db"), time.Now)
	if err != nil {
		return err
	}
	defer s.Close()
	var list []bundle.Wallet
	for i := range wallets {
		id, err := bundle.ParseSignatureID(walletID(i))
		if err != nil {
			return err
		}
		seed := sha256.Sum256([]byte(walletID(i)))
		key := secp256k1.PrivKeyFromBytes(seed[:]).PubKey().SerializeCompressed()
		list = append(list, bundle.Wallet{SignatureID: id, Chain: "ETH", Testnet: true, Curve: chain.Secp256k1, Key: key})
	}
	if err := s.PutWallets(ctx, list); err != nil {
		return err
	}
	_, b.key, err = s.CreateAPIKey(ctx, "bench", "bench", []string{"submit"})
	return err
}

func walletID(i int) string { return fmt.Sprintf("%08x-0000-4000-8000-000000000001", i+1) }

func (b *server) serve() (func(), error) {
	cmd := exec.Command("bin/coldsign-online", "--home", b.home, "serve", "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	b.proc = cmd.Process
	stop := sync.OnceFunc(func() { cmd.Process.Signal(os.Interrupt); cmd.Wait() }) //nolint:errcheck // its rows are what is looked at
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return nil, fmt.Errorf("the server did not start: %w", err)
	}
	b.url = strings.TrimSpace(strings.TrimPrefix(line, "listening on ")) + "/v3/ethereum/transaction"
	return stop, nil
}

// load has clients create payments one after the other, and gives how long each took.
func (b *server) load(length time.Duration, clients, wallets int) ([]time.Duration, error) {
	var (
		all    sync.WaitGroup
		mu     sync.Mutex
		times  []time.Duration
		failed error
		n      atomic.Uint64
		until  = time.Now().Add(length)
		web    = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	)
	defer web.CloseIdleConnections()
	for range clients {
		all.Go(func() {
			var mine []time.Duration
			var err error
			for err == nil && time.Now().Before(until) {
				i := n.Add(1)
				begun := time.Now()
				err = b.create(web, int(i)%wallets, i)
				mine = append(mine, time.Since(begun))
			}
			mu.Lock()
			times, failed = append(times, mine...), errors.Join(failed, err)
			mu.Unlock()
		})
	}
	all.Wait()
	slices.Sort(times)
	return times, failed
}

func (b *server) create(web *http.Client, wallet int, number uint64) error {
	body := fmt.Appendf(nil, `{"to":"0x%040x","currency":"ETH","amount":"0.000000001","signatureId":%q}`, number, walletID(wallet))
	req, err := http.NewRequest("POST", b.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("x-api-key", b.key)
	resp, err := web.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var answer struct{ SignatureID string }
	if err := json.Unmarshal(text, &answer); err != nil || resp.StatusCode != http.StatusOK || len(answer.SignatureID) != 24 {
		return fmt.Errorf("status %d: %.300s", resp.StatusCode, text)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.made[answer.SignatureID] = true
	return nil
}

// check looks for a row for each answer, and that each wallet's nonces have no gap. A row
// whose answer the killed server did not give is found besides.
func (b *server) check(ctx context.Context) error {
	s, err := store.Open(ctx, filepath.Join(b.home, "coldsign.db"), time.Now)
	if err != nil {
		return err
	}
	defer s.Close()
	next, rows, found, after := map[string]int{}, 0, 0, ""
	for {
		page, err := s.List(ctx, store.Filter{Tenant: store.Any, State: pending.Pending, After: after, Limit: 10_000})
		if err != nil {
			return err
		}
		for _, row := range page {
			var record struct{ Nonce string }
			if err := json.Unmarshal([]byte(row.Serialized), &record); err != nil {
				return err
			}
			if want := fmt.Sprintf("0x%x", next[row.Hashes[0]]); record.Nonce != want {
				return fmt.Errorf("wallet %s has nonce %s where %s was due", row.Hashes[0], record.Nonce, want)
			}
			next[row.Hashes[0]]++
			if b.made[row.ID.String()] {
				found++
			}
		}
		if rows += len(page); len(page) < 10_000 {
			break
		}
		after = page[len(page)-1].ID.String()
	}
	if found != len(b.made) {
		return fmt.Errorf("%d of %d answered payments are there", found, len(b.made))
	}
	fmt.Printf("\nkilled under load: all %d answered payments are there, %d whose answer was lost besides, and no wallet's nonces have a gap\n", found, rows-found)
	return nil
}
