package interop

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"coldsign/scripts/halves"
)

// ATT-80: a reader of the journal's FORMAT.md that shares nothing with coldsign says
// what "journal verify" says: of a true copy, of one with any byte changed, of one cut
// anywhere, and which entry is the first that is bad.
func TestJournal(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	p, err := halves.BuildQuick(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	h := &halves.Halves{Programs: p, Dir: dir}
	file := func(name string, b []byte) string {
		t.Helper()
		if err := os.WriteFile(h.Path(name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		return h.Path(name)
	}
	file("passphrase", []byte("correct horse battery staple, for tests\n"))
	for _, args := range [][]string{{"init"}, {"wallet", "new", "--chain", "ETH", "--testnet"}, {"policy", "set", "--preset", "compat"},
		{"journal", "export", "--format", "raw", "--out", "copy"}} {
		if _, err := h.Offline(ctx, args...); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
	}
	raw, err := os.ReadFile(h.Path("copy"))
	if err != nil {
		t.Fatal(err)
	}
	said, err := h.Offline(ctx, "journal", "verify", "copy")
	ours := regexp.MustCompile(`^ok: 3 entries, head ([0-9a-f]{64}), device ([0-9a-f]{32})\n$`).FindSubmatch(said)
	if err != nil || ours == nil {
		t.Fatalf("%v, %q", err, said)
	}
	if got, want := theirs(t, h.Path("copy"))[0], fmt.Sprintf("ok 3 %s %s", ours[1], ours[2]); got != want {
		t.Errorf("the other reader says %q, want %q", got, want)
	}

	entry, ends := 0, []int{19}
	for at := 19; binary.BigEndian.Uint32(raw[at:]) != 0; {
		at += 4 + int(binary.BigEndian.Uint32(raw[at:])) + 64
		ends = append(ends, at)
	}
	var names []string
	var want []int
	for i := range raw {
		for entry < len(ends) && i >= ends[entry] {
			entry++
		}
		bad := bytes.Clone(raw)
		bad[i] ^= 1 << (i % 8)
		names = append(names, file(fmt.Sprintf("changed-%04d", i), bad), file(fmt.Sprintf("cut-%04d", i), raw[:i]))
		want = append(want, entry, entry)
	}
	sampled := 0
	for k, line := range theirs(t, names...) {
		name := filepath.Base(names[k])
		if !strings.HasPrefix(line, fmt.Sprintf("bad %d ", want[k])) {
			t.Errorf("%s: the other reader says %q, want entry %d", name, line, want[k])
		}
		if k%37 != 0 {
			continue
		}
		sampled++
		_, err := h.Offline(ctx, "journal", "verify", name)
		if code := halves.CodeOf(err); !strings.HasPrefix(code, "journal.") || want[k] > 0 && !strings.Contains(err.Error(), fmt.Sprintf("entry %d ", want[k])) {
			t.Errorf("%s: %v, want entry %d", name, err, want[k])
		}
	}
	if len(raw) < 400 || sampled < 20 {
		t.Errorf("only %d bytes, %d given to both", len(raw), sampled)
	}
}

// theirs gives what the other reader says of files.
func theirs(t *testing.T, files ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", append([]string{"journal.mjs"}, files...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(files) {
		t.Fatalf("%d answers to %d files", len(lines), len(files))
	}
	return lines
}
