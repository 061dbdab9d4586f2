package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coldsign/scripts/halves"
)

// writes are the calls that change a disk. Sockets are not among them.
const writes = "pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,linkat,unlinkat"

// most is after how many failures a command certainly makes no such call more.
const most = 400

// step says which n are tried: all of them in "make soak", and else the first ones and
// some of the rest.
func step(n int) int {
	if n < 4 || os.Getenv("COLDSIGN_SOAK") != "" {
		return n + 1
	}
	return n + 7
}

// stage is a pair of homes at one moment, which each try starts from.
type stage struct {
	*halves.Halves
	id, txID string
}

// copied is the stage in a folder of its own.
func (s *stage) copied(t *testing.T) *halves.Halves {
	t.Helper()
	dir := t.TempDir()
	ok(t, os.CopyFS(dir, os.DirFS(s.Dir)))
	ok(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	}))
	return &halves.Halves{Programs: s.Programs, Dir: dir}
}

// failing runs a command whose n-th change of the disk fails, and says whether one did.
func failing(t *testing.T, h *halves.Halves, n int, fault string, program string, args ...string) (met bool) {
	t.Helper()
	list := filepath.Join(t.TempDir(), "strace")
	args = append([]string{"-f", "-qq", "-o", list, "-e", "trace=" + writes, "-e", fmt.Sprintf("inject=%s:error=%s:when=%d", writes, fault, n), program}, args...)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "strace", args...)
	cmd.Dir, cmd.Env = h.Dir, []string{"HOME=" + h.Dir, "PATH=" + os.Getenv("PATH"), "GOMAXPROCS=1"}
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%d, %s: it hangs", n, fault)
	}
	if exit, is := err.(*exec.ExitError); err != nil && (!is || exit.ExitCode() > 3 || exit.ExitCode() == 2) {
		t.Errorf("%d, %s: %v\n%s", n, fault, err, out)
	}
	if bytes.Contains(out, []byte("panic")) || bytes.Contains(out, []byte("goroutine ")) {
		t.Errorf("%d, %s: %s", n, fault, out)
	}
	traced, err := os.ReadFile(list)
	ok(t, err)
	return bytes.Contains(traced, []byte("(INJECTED)"))
}

// each tries the command with its first, second, ... change of the disk failing, until
// it makes no more; after gives the rest of the way, without faults.
func (s *stage) each(t *testing.T, program string, args []string, after func(t *testing.T, h *halves.Halves, n int, fault string)) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Fatal("strace is missing: run scripts/interop/install.sh")
	}
	tried := 0
	for _, fault := range []string{"EIO", "ENOSPC"} {
		for n := 1; n < most; n = step(n) {
			h := s.copied(t)
			met := failing(t, h, n, fault, program, args...)
			after(t, h, n, fault)
			os.RemoveAll(h.Dir)
			if !met {
				break
			}
			tried++
		}
	}
	if tried < 6 {
		t.Errorf("only %d faults were met", tried)
	}
	t.Logf("%d faults", tried)
}

// finish goes the whole way that is left, and wants the one payment with the one id.
func (s *stage) finish(t *testing.T, h *halves.Halves, n int, fault string) {
	t.Helper()
	ctx := t.Context()
	requests, answers := "after-requests.cbor", "after-answers.cbor"
	x, err := h.Export(ctx, requests)
	if err != nil && halves.CodeOf(err) != "export.empty" {
		t.Fatalf("%d, %s: export: %v", n, fault, err)
	}
	if err == nil {
		if x.Sequence != 1 || x.Items != 1 {
			t.Errorf("%d, %s: exported %+v", n, fault, x)
		}
		if _, err := h.Review(ctx, requests); err != nil {
			t.Fatalf("%d, %s: review: %v", n, fault, err)
		}
		if _, err := h.Sign(ctx, requests, answers, x.Digest); err != nil {
			t.Fatalf("%d, %s: sign: %v", n, fault, err)
		}
		if _, err := h.Import(ctx, answers); err != nil {
			t.Fatalf("%d, %s: import: %v", n, fault, err)
		}
	}
	if _, err := h.Offline(ctx, "journal", "verify"); err != nil {
		t.Errorf("%d, %s: journal: %v", n, fault, err)
	}
	var rows []struct{ ID, State, TxID string }
	ok(t, halves.Read(&rows)(h.Online(ctx, "pending", "--json")))
	if len(rows) != 1 || rows[0].ID != s.id || rows[0].State != "signed" || s.txID != "" && rows[0].TxID != s.txID {
		t.Errorf("%d, %s: %+v, want %s signed as %s", n, fault, rows, s.id, s.txID)
	}
}

// TestATT98EveryWriteFails: export, sign and import, each with each of its changes of
// the disk failing in turn, end as they would have without it.
func TestATT98EveryWriteFails(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	programs, err := halves.BuildQuick(ctx, dir)
	ok(t, err)
	s := &stage{Halves: &halves.Halves{Programs: programs, Dir: t.TempDir()}}
	ok(t, s.Init(ctx))
	wallet, err := s.NewWallet(ctx, "ETH")
	ok(t, err)
	ok(t, s.ShareKeys(ctx))
	ok(t, s.Configure(ctx))
	ok(t, s.Serve(ctx))
	tx, err := json.Marshal(map[string]any{"to": "0x000000000000000000000000000000000000dead", "value": "1000000000000000", "nonce": 0,
		"gas": "21000", "maxFeePerGas": "2000000000", "maxPriorityFeePerGas": "1000000000"})
	ok(t, err)
	row, err := s.Submit(ctx, "one", halves.Submission{Chain: "ETH", Network: "sepolia", Hashes: []string{wallet.SignatureID}, Transaction: tx})
	ok(t, err)
	ok(t, s.Stop())
	s.id = row.ID

	whole := s.copied(t) // the way without faults
	s.finish(t, &halves.Halves{Programs: programs, Dir: whole.Dir}, 0, "none")
	var rows []struct{ TxID string }
	ok(t, halves.Read(&rows)(whole.Online(ctx, "pending", "--json")))
	if s.txID = rows[0].TxID; !strings.HasPrefix(s.txID, "0x") {
		t.Fatalf("%+v", rows)
	}
	t.Run("export", func(t *testing.T) {
		s.each(t, programs.Online, []string{"export", "--out", "x.cbor", "--home", "online"}, s.finish)
	})
	x, err := s.Export(ctx, "requests.cbor")
	ok(t, err)
	_, err = s.Review(ctx, "requests.cbor")
	ok(t, err)
	t.Run("sign", func(t *testing.T) {
		s.each(t, programs.Offline, []string{"sign", "requests.cbor", "--out", "answers.cbor", "--approve", x.Digest,
			"--home", "offline", "--passphrase-file", "passphrase", "--allow-network-interfaces"}, s.finish)
	})
	_, err = s.Sign(ctx, "requests.cbor", "answers.cbor", x.Digest)
	ok(t, err)
	t.Run("import", func(t *testing.T) {
		s.each(t, programs.Online, []string{"import", "answers.cbor", "--home", "online"}, s.finish)
	})
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
