package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	_ "modernc.org/sqlite"
)

const (
	allRows  = 1_000_000
	openRows = 1_000
	askedIDs = 25_000
)

// api measures the KMS poll against a large list, over HTTP.
func api(dir string) error {
	home := filepath.Join(dir, "online")
	out, err := exec.Command("bin/coldsign-online", "--home", home, "apikey", "create", "--name", "bench", "--scope", "read", "--json").Output()
	if err != nil {
		return err
	}
	var key struct{ Key string }
	if err := json.Unmarshal(out, &key); err != nil {
		return err
	}
	fmt.Printf("filling the list with %d rows, %d of them pending\n", allRows, openRows)
	if err := fill(filepath.Join(home, "coldsign.db")); err != nil {
		return err
	}
	base, stop, err := serve(home)
	if err != nil {
		return err
	}
	defer stop()
	body, err := json.Marshal(map[string]any{"signatureIds": uuids(askedIDs)})
	if err != nil {
		return err
	}
	var times []time.Duration
	for range 40 {
		start := time.Now()
		n, err := poll(base+"/v3/kms/pending/BTC", key.Key, body)
		if err != nil {
			return err
		}
		if n != openRows {
			return fmt.Errorf("%d rows listed, not %d", n, openRows)
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	fmt.Printf("POST /v3/kms/pending, %d ids, %d rows, %d pending: median %v, p95 %v\n", askedIDs, allRows, openRows,
		times[len(times)/2].Round(time.Microsecond), times[len(times)*95/100].Round(time.Microsecond))
	return nil
}

// uuid number i: the same ones are written into the list.
func uuid(i int) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", i, i) }

func uuids(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = uuid(i)
	}
	return list
}

// fill writes the rows with SQL: making them through the API would take an hour.
func fill(path string) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer db.Close()
	for at := 0; at < allRows; at += 50_000 {
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		insert, err := tx.Prepare(`INSERT INTO transactions (id, tenant, chain, network, hashes, signatures, serialized, withdrawal_id,
			withdrawal_responses, request, digest, state, cancel_requested, asserted, txid, raw, confirmations, code, reason, bundle, created, updated, maybe_signed, deadline, noted)
			VALUES (?, 'default', 'BTC', 'bip122:000000000019d6689c085ae165831e93', ?, '[]', ?, '', '', ?, ?, ?, 0, 0, '', x'', 0, '', '', 0, 1, 1, 0, 0, 0)`)
		if err != nil {
			return err
		}
		for i := at; i < at+50_000; i++ {
			state := "cancelled"
			if i%(allRows/openRows) == 0 {
				state = "pending"
			}
			id := make([]byte, 12)
			if _, err := rand.Read(id); err != nil {
				return err
			}
			request := bytes.Repeat([]byte{byte(i)}, 300)
			digest := sha256.Sum256(request)
			if _, err := insert.Exec(id, `["`+uuid(i%askedIDs)+`"]`, strings.Repeat("ab", 200), request, digest[:], state); err != nil {
				return err
			}
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// serve starts the real server and gives its address.
func serve(home string) (string, func(), error) {
	cmd := exec.Command("bin/coldsign-online", "--home", home, "serve", "--listen", "127.0.0.1:0")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop := func() { cmd.Process.Signal(os.Interrupt); cmd.Wait() }
	line, err := bufio.NewReader(pipe).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("the server did not start: %w", err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "listening on ")), stop, nil
}

func poll(url, key string, body []byte) (int, error) {
	req, err := http.NewRequest("POST", url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("x-api-key", key)
	req.Header.Set("content-type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if resp.StatusCode != 200 {
		return 0, fmt.Errorf("status %d: %.200s", resp.StatusCode, b)
	}
	return bytes.Count(b, []byte(`"id":`)), nil
}
