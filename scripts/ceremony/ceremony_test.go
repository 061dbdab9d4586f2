package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/fxamacker/cbor/v2"
	"github.com/gagliardetto/solana-go/bip39"
)

const (
	pass   = "correct horse battery"
	rolled = "446664544414436215215634353434445115416213135614316661544636542111541464116134255213422214432553442"
)

// TestNothingOfOurs: the second tool is of no use if it makes our mistakes.
func TestNothingOfOurs(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			if strings.Contains(i.Path.Value, "coldsign") {
				t.Errorf("%s imports %s", name, i.Path.Value)
			}
		}
	}
}

// made is a home with a transcript of each kind, made once by the program itself.
var made = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "coldsign-ceremony")
	if err != nil {
		return "", err
	}
	do := func(in, name string, args ...string) error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Stdin = strings.NewReader(in)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", args, err, out)
		}
		return nil
	}
	bin, home, file := filepath.Join(dir, "offline"), filepath.Join(dir, "home"), filepath.Join(dir, "pass")
	if err := os.WriteFile(file, []byte(pass+"\n"), 0o600); err != nil {
		return "", err
	}
	if err := do("", "go", "build", "-o", bin, "../../offline"); err != nil {
		return "", err
	}
	common := []string{"--home", home, "--passphrase-file", file, "--allow-network-interfaces", "--allow-swap"}
	for _, step := range []struct{ in, args string }{
		{"", "init"},
		{"", "wallet new --chain BTC --count 3 --transcript os.txt"},
		{rolled, "wallet new --chain ETH --testnet --dice --transcript mixed.txt"},
		{rolled, "wallet new --chain SOL --dice-only --transcript dice.txt"},
		{rolled, "wallet new --chain BTC --testnet --dice-only --transcript test.txt"},
		{rolled, "wallet new --chain XDC --dice-only --transcript xdc.txt"},
	} {
		args := strings.Fields(step.args)
		if last := len(args) - 1; strings.HasSuffix(args[last], ".txt") {
			args[last] = filepath.Join(dir, args[last])
		}
		if err := do(step.in, bin, append(args, common...)...); err != nil {
			return "", err
		}
	}
	return dir, nil
})

// words opens the keystore as a stranger would, with age, and gives all mnemonics.
func words(t *testing.T, dir string) (list []string) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "home/keystore.age"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	id, err := age.NewScryptIdentity(pass)
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(f, id)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var contents struct {
		Entries []struct {
			Secret []byte `cbor:"5,keyasint"`
		} `cbor:"6,keyasint"`
	}
	if err := cbor.Unmarshal(plain, &contents); err != nil {
		t.Fatal(err)
	}
	for _, e := range contents.Entries {
		list = append(list, string(e.Secret))
	}
	return list
}

// tool runs this program on a file, with lines typed.
func tool(t *testing.T, file string, typed ...string) (code int, said string) {
	t.Helper()
	in, out := filepath.Join(t.TempDir(), "in"), &bytes.Buffer{}
	if err := os.WriteFile(in, []byte(strings.Join(typed, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	args := []string{file}
	if len(typed) > 0 {
		args = []string{"-secrets", file}
	}
	code = run(args, f, out, out)
	return code, out.String()
}

func TestTranscripts(t *testing.T) {
	dir, err := made()
	if err != nil {
		t.Fatal(err)
	}
	all := words(t, dir)
	if len(all) != 7 {
		t.Fatalf("%d wallets", len(all))
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	sum := sha256.Sum256([]byte(rolled))
	byHand, err := bip39.NewMnemonic(sum[:])
	if err != nil {
		t.Fatal(err)
	}
	other := rolled[:98] + "3"
	swapped := strings.Fields(all[0])
	swapped[0], swapped[1] = swapped[1], swapped[0]
	for name, c := range map[string]struct {
		file  string
		typed []string
		code  int
		says  string
	}{
		"public":               {"os.txt", nil, 0, "MATCH: 22 checks"},
		"public, mixed":        {"mixed.txt", nil, 0, "MATCH: "},
		"public, Solana":       {"dice.txt", nil, 0, "MATCH: "},
		"public, testnet":      {"test.txt", nil, 0, "MATCH: "},
		"public, XDC":          {"xdc.txt", nil, 0, "address 0, xdc"},
		"XDC by hand":          {"xdc.txt", []string{byHand, rolled}, 0, "MATCH: "},
		"words":                {"os.txt", []string{all[0]}, 0, "MATCH: "},
		"words of the last":    {"os.txt", []string{strings.ToUpper(all[2])}, 0, "MATCH: "},
		"mixed":                {"mixed.txt", []string{all[3], rolled, ""}, 0, "the 99 rolls are those"},
		"mixed, words alone":   {"mixed.txt", []string{all[3]}, 0, "MATCH: "},
		"dice by hand":         {"dice.txt", []string{byHand, rolled}, 0, "the words are SHA-256 of the rolls"},
		"dice in groups":       {"dice.txt", []string{byHand, rolled[:50] + " " + rolled[50:]}, 0, "MATCH: "},
		"testnet by hand":      {"test.txt", []string{byHand, rolled}, 0, "MATCH: "},
		"words of another":     {"os.txt", []string{all[4]}, 1, "which no wallet of the transcript has"},
		"words in wrong order": {"os.txt", []string{strings.Join(swapped, " ")}, 1, "MISMATCH"},
		"one word less":        {"os.txt", []string{strings.Join(swapped[1:], " ")}, 1, "MISMATCH"},
		"other rolls":          {"mixed.txt", []string{all[3], other, ""}, 1, "MISMATCH the 99 rolls"},
		"other rolls, alone":   {"dice.txt", []string{byHand, other}, 1, "MISMATCH the words are SHA-256"},
		"another part":         {"mixed.txt", []string{all[3], rolled, strings.Repeat("ab", 64)}, 1, "MISMATCH the machine's part"},
		"half a part":          {"mixed.txt", []string{all[3], rolled, "abcd"}, 1, "128 hex digits"},
		"no words":             {"mixed.txt", []string{}, 0, "MATCH: "},
		"no file":              {"none.txt", nil, 1, "error: "},
	} {
		if code, said := tool(t, in(c.file), c.typed...); code != c.code || !strings.Contains(said, c.says) {
			t.Errorf("%s: %d, want %d and %q:\n%s", name, code, c.code, c.says, said)
		}
	}
}

// No byte of a transcript can change unnoticed.
func TestChanged(t *testing.T) {
	dir, err := made()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "dice.txt"))
	if err != nil {
		t.Fatal(err)
	}
	good := func(raw []byte) bool {
		tr, err := Parse(raw)
		if err != nil {
			return false
		}
		r := &report{}
		tr.public(r)
		return r.wrong == 0
	}
	if !good(raw) {
		t.Fatal("it does not match as it is")
	}
	for i := range raw {
		for _, c := range []byte{raw[i] ^ 1, raw[i] ^ 0x20, '\n', ' '} {
			if c == raw[i] {
				continue
			}
			b := bytes.Clone(raw)
			if b[i] = c; good(b) {
				t.Errorf("byte %d is 0x%02x and nobody noticed", i, c)
			}
		}
	}
	lines := bytes.SplitAfter(raw, []byte("\n"))
	for i := range lines[:len(lines)-1] {
		if without := bytes.Join(append(append([][]byte{}, lines[:i]...), lines[i+1:]...), nil); good(without) {
			t.Errorf("line %d is missing and nobody noticed", i+1)
		}
		if twice := bytes.Join(append(append([][]byte{}, lines[:i+1]...), lines[i:]...), nil); good(twice) {
			t.Errorf("line %d came twice and nobody noticed", i+1)
		}
	}
}

// signedBy signs a transcript anew, as its forger with a device of his own would.
func signedBy(key ed25519.PrivateKey, tr *Transcript) []byte {
	tr.Device = key.Public().(ed25519.PublicKey)
	text := tr.encode()
	text = text[:bytes.LastIndex(text, []byte("signature "))]
	sum := sha256.Sum256(text)
	tr.signature = ed25519.Sign(key, append([]byte("coldsign ceremony transcript\x00"), sum[:]...))
	return tr.encode()
}

// What a device signed is still looked at: keys that do not belong together.
func TestSignedLies(t *testing.T) {
	dir, err := made()
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	for name, c := range map[string]struct {
		file string
		lie  func(*Wallet)
		says string
	}{
		"none":            {"os.txt", func(*Wallet) {}, ""},
		"fingerprint":     {"os.txt", func(w *Wallet) { w.Fingerprint[0]++ }, "the fingerprint"},
		"address":         {"os.txt", func(w *Wallet) { w.Keys[0].Address = w.Keys[1].Address }, "address 0"},
		"Solana":          {"dice.txt", func(w *Wallet) { w.Keys[0].Address = w.Keys[1].Address }, "address 0"},
		"Ethereum":        {"mixed.txt", func(w *Wallet) { w.Keys[2].Address = w.Keys[1].Address }, "address 2"},
		"key and address": {"os.txt", func(w *Wallet) { w.Keys[0] = w.Keys[1] }, "key 0"},
		"path":            {"os.txt", func(w *Wallet) { w.Keys[0].Path = "m/0" }, "key 0"},
		"network":         {"os.txt", func(w *Wallet) { w.Network = "bip122:0" }, "address 0"},
		"chain":           {"os.txt", func(w *Wallet) { w.Chain = "DOGE" }, "address 0"},
		"XDC":             {"xdc.txt", func(w *Wallet) { w.Keys[1].Address = w.Keys[0].Address }, "address 1"},
	} {
		raw, err := os.ReadFile(filepath.Join(dir, c.file))
		if err != nil {
			t.Fatal(err)
		}
		tr, err := Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		c.lie(&tr.Wallets[0])
		file := filepath.Join(t.TempDir(), "lie")
		if err := os.WriteFile(file, signedBy(key, tr), 0o600); err != nil {
			t.Fatal(err)
		}
		code, said := tool(t, file)
		if c.says == "" && code != 0 || c.says != "" && (code != 1 || !strings.Contains(said, "MISMATCH "+tr.Wallets[0].ID+": "+c.says)) {
			t.Errorf("%s: %d\n%s", name, code, said)
		}
	}
}

// The machine's part opens its commitment, and with the rolls it gives the words.
func TestMachine(t *testing.T) {
	part := bytes.Repeat([]byte{1, 2, 3, 4}, 16)
	salt := sha256.Sum256([]byte(rolled))
	seed, err := hkdf.Key(sha256.New, part, salt[:], "coldsign seed v1", 32)
	if err != nil {
		t.Fatal(err)
	}
	key, err := hkdf.Key(sha256.New, seed, nil, "coldsign ceremony dice", 32)
	if err != nil {
		t.Fatal(err)
	}
	m := hmac.New(sha256.New, key)
	m.Write([]byte(rolled))
	commitment := sha256.Sum256(append([]byte("coldsign ceremony machine\x00"), part...))
	tr := &Transcript{How: "os+dice", Rolls: 99, Dice: m.Sum(nil), Machine: commitment[:]}
	for name, c := range map[string]struct {
		s     Secrets
		wrong int
	}{
		"all":          {Secrets{Rolls: rolled, Machine: part}, 0},
		"part alone":   {Secrets{Machine: part}, 0},
		"rolls alone":  {Secrets{Rolls: rolled}, 0},
		"another part": {Secrets{Rolls: rolled, Machine: part[1:]}, 2},
		"other rolls":  {Secrets{Rolls: rolled[1:], Machine: part}, 2},
	} {
		r := &report{}
		tr.mixed(r, seed, c.s)
		if r.wrong != c.wrong || len(r.lines) == 0 {
			t.Errorf("%s: %d wrong\n%s", name, r.wrong, strings.Join(r.lines, "\n"))
		}
	}
}

// encode writes a transcript as FORMAT.md says.
func (t *Transcript) encode() []byte {
	var b bytes.Buffer
	line := func(words ...string) { b.WriteString(strings.Join(words, " ") + "\n") }
	line("coldsign ceremony 1")
	line("time", t.Time)
	line("device", hex.EncodeToString(t.Device))
	line("program", t.Program)
	for _, w := range t.Overlooked {
		line("overlooked", w)
	}
	if t.Rehearsal {
		line("rehearsal yes")
	}
	line("journal", strconv.FormatUint(t.Entries, 10), hex.EncodeToString(t.Head))
	line("how", t.How)
	if t.Machine != nil {
		line("machine", hex.EncodeToString(t.Machine))
	}
	if t.Rolls > 0 {
		line("rolls", strconv.Itoa(t.Rolls))
		line("dice", hex.EncodeToString(t.Dice))
	}
	line("words", t.Words)
	line("passphrase", map[bool]string{true: "yes", false: "no"}[t.Passphrase])
	for _, w := range t.Wallets {
		line("wallet", w.ID)
		line("chain", w.Chain, w.Kind, w.Network)
		line("fingerprint", hex.EncodeToString(w.Fingerprint))
		line("master", hex.EncodeToString(w.Master))
		if w.XPub != "" {
			line("account", w.Path, w.XPub)
		}
		for _, k := range w.Keys {
			line("key", k.Path, hex.EncodeToString(k.Public), k.Address)
		}
	}
	line("signature", hex.EncodeToString(t.signature))
	return b.Bytes()
}

// What parses is what its own content is written as.
func FuzzParse(f *testing.F) {
	key, zeros := ed25519.NewKeyFromSeed(make([]byte, 32)), make([]byte, 64)
	for _, how := range []string{"os", "os+dice", "dice-only"} {
		w := Wallet{ID: "1", Chain: "BTC", Kind: "mainnet", Network: "bip122:000000000019d6689c085ae165831e93", Fingerprint: zeros[:4], Master: zeros[:33], Path: "m", XPub: "xpub",
			Keys: slices.Repeat([]Key{{"m/0", zeros[:33], "bc1"}}, 3)}
		tr := &Transcript{Time: "now", Program: hex.EncodeToString(zeros[:32]), Overlooked: []string{"a", "b"}, Rehearsal: true, Entries: 1, Head: zeros[:32], How: how, Words: "shown", Wallets: []Wallet{w}}
		if how == "os+dice" {
			tr.Machine = zeros[:32]
		}
		if how != "os" {
			tr.Rolls, tr.Dice = 99, zeros[:32]
		}
		raw := signedBy(key, tr)
		if _, err := Parse(raw); err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		tr, err := Parse(raw)
		if err != nil {
			return
		}
		if again := tr.encode(); !bytes.Equal(again, raw) {
			t.Errorf("%q\nis written\n%q", raw, again)
		}
		tr.public(&report{})
	})
}
