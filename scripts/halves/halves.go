// Package halves drives the two programs as their operators do: as processes,
// each with a home of its own, with files carried between them, and the API over
// HTTP. It imports nothing of either half.
//
//	p, err := halves.Build(ctx, dir)          // the two binaries
//	h := &halves.Halves{Programs: p, Dir: dir}
//	err = h.Init(ctx)                         // homes, pairing, an API key
package halves

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"coldsign/scripts/fund"
	"coldsign/scripts/rig"
)

// Programs are the paths of the binaries.
type Programs struct{ Online, Offline string }

// quick is a file for "go build -overlay": with it the offline half seals at a cost
// that tests can bear.
const quick = "scripts/halves/testdata/quick/overlay.json"

// Build makes the binaries in dir, as a release is made.
func Build(ctx context.Context, dir string) (Programs, error) {
	return build(ctx, dir)
}

// BuildQuick is Build, but for the cost of a guess at the keystore's passphrase:
// scrypt with N = 2^6 in place of 2^18, which is a second at each opening and at each
// half of a save. It is for tests of anything else: they differ in that one constant.
func BuildQuick(ctx context.Context, dir string) (Programs, error) {
	return build(ctx, dir, "-overlay", quick)
}

func build(ctx context.Context, dir string, offline ...string) (Programs, error) {
	p := Programs{filepath.Join(dir, "coldsign-online"), filepath.Join(dir, "coldsign-offline")}
	err := rig.Program(ctx, p.Online, "./online")
	if err == nil {
		err = rig.Program(ctx, p.Offline, "./offline", offline...)
	}
	return p, err
}

// BuildFailing makes an online half that has failpoints, and gives its path.
func BuildFailing(ctx context.Context, dir string) (string, error) {
	out := filepath.Join(dir, "coldsign-online-failpoint")
	return out, rig.Program(ctx, out, "./online", "-tags", "failpoint")
}

// Halves are an online and an offline home in one folder, which also stands for
// the medium that files are carried on.
type Halves struct {
	Programs
	Dir string
	// Rehearsal has Init make homes that are a rehearsal for ever.
	Rehearsal bool
	// Light has Init, Pair and NewWallet leave a keystore that opens fast: the passphrase's
	// KDF is most of the time of an offline command. The programs are the same.
	Light bool
	// Say is told each command before it runs; nil for silence.
	Say func(line string)
	// Show is told what each command printed; nil for silence.
	Show func(output string)
	// Database is that of the online half; "" for the file in its home.
	Database string
	// Wrap stands before each command but "serve", as strace does; nil for none.
	Wrap []string
	// Env is given to each program beside HOME and PATH, "NAME=value".
	Env []string

	server *server
	key    string // of the API
	typed  string // on the next command's terminal
}

// Failure is a command that ended with another status than 0.
type Failure struct {
	Status int
	Words  string // one line on stderr, "error: CODE: what"
	Output []byte // what was on stdout all the same
}

func (f *Failure) Error() string { return f.Words }

// Code is the stable code of the error, "" if there is none.
func (f *Failure) Code() string {
	rest, ok := strings.CutPrefix(f.Words, "error: ")
	code, _, found := strings.Cut(rest, ": ")
	if !ok || !found {
		return ""
	}
	return code
}

// CodeOf gives the code of a Failure, "" of another error.
func CodeOf(err error) string {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.Code()
	}
	return ""
}

// Online runs a command of the online half and gives its stdout.
func (h *Halves) Online(ctx context.Context, args ...string) ([]byte, error) {
	return h.run(ctx, h.Programs.Online, append(args, h.home("online")...))
}

// home are the flags that name a home of the online half, and its database.
func (h *Halves) home(name string) []string {
	flags := []string{"--home", name}
	if h.Database != "" {
		flags = append(flags, "--database", h.Database)
	}
	return flags
}

// Offline runs a command of the offline half and gives its stdout.
func (h *Halves) Offline(ctx context.Context, args ...string) ([]byte, error) {
	return h.run(ctx, h.Programs.Offline, append(args, "--home", "offline", "--passphrase-file", "passphrase", "--allow-network-interfaces"))
}

func (h *Halves) run(ctx context.Context, program string, args []string) ([]byte, error) {
	h.say(program, args)
	var out, words bytes.Buffer
	line := append(append(append([]string{}, h.Wrap...), program), args...)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = h.Dir, &out, &words
	if h.typed != "" {
		cmd.Stdin, h.typed = strings.NewReader(h.typed), ""
	}
	cmd.Env = append([]string{"HOME=" + h.Dir, "PATH=" + os.Getenv("PATH")}, h.Env...)
	err := cmd.Run()
	if h.Show != nil {
		h.Show(out.String())
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
		return nil, &Failure{exit.ExitCode(), errorLine(words.String()), out.Bytes()}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(program), err, words.String())
	}
	return out.Bytes(), nil
}

// errorLine finds the error among warnings.
func errorLine(words string) string {
	for line := range strings.Lines(words) {
		if strings.HasPrefix(line, "error: ") {
			return strings.TrimSpace(line)
		}
	}
	return strings.TrimSpace(words)
}

func (h *Halves) say(program string, args []string) {
	if h.Say == nil {
		return
	}
	line := filepath.Base(program)
	for _, a := range args {
		if strings.ContainsAny(a, " \t\"$*") || a == "" {
			a = "'" + a + "'"
		}
		line += " " + a
	}
	h.Say(line)
}

// Path is that of a file on the medium.
func (h *Halves) Path(name string) string { return filepath.Join(h.Dir, name) }

// Passphrase is that of the keystores that Init makes.
const Passphrase = "correct horse battery staple, for rehearsals only"

// Init makes the homes and pairs them, words compared. Call it once.
func (h *Halves) Init(ctx context.Context) error {
	if err := os.WriteFile(h.Path("passphrase"), []byte(Passphrase+"\n"), 0o600); err != nil {
		return err
	}
	if _, err := h.Offline(ctx, h.rehearsing("init")...); err != nil {
		return err
	}
	if err := h.lighten(); err != nil {
		return err
	}
	if err := h.Pair(ctx); err != nil {
		return fmt.Errorf("pairing: %w", err)
	}
	return nil
}

func (h *Halves) rehearsing(args ...string) []string {
	if h.Rehearsal {
		args = append(args, "--rehearsal")
	}
	return args
}

// Pair carries both device keys across and compares the words on both screens. more
// are flags of taking the other's key: "--replace".
func (h *Halves) Pair(ctx context.Context, more ...string) error {
	if _, err := h.Online(ctx, h.rehearsing("pair", "--out", "online.cbor")...); err != nil {
		return err
	}
	if _, err := h.Offline(ctx, "pair", "--out", "offline.cbor"); err != nil {
		return err
	}
	there, err := Words(h.Offline(ctx, append([]string{"pair", "--in", "online.cbor"}, more...)...))
	if err != nil {
		return err
	}
	here, err := Words(h.Online(ctx, append([]string{"pair", "--in", "offline.cbor"}, more...)...))
	if err != nil {
		return err
	}
	if here != there {
		return fmt.Errorf("the words differ: %q online, %q offline", here, there)
	}
	if _, err := h.Offline(ctx, append([]string{"pair", "--in", "online.cbor", "--confirm", there}, more...)...); err != nil {
		return err
	}
	if err := h.lighten(); err != nil {
		return err
	}
	_, err = h.Online(ctx, append([]string{"pair", "--in", "offline.cbor", "--confirm", here}, more...)...)
	return err
}

// Words reads the six words of a pairing that nobody has confirmed yet.
func Words(_ []byte, err error) (string, error) {
	f, ok := errors.AsType[*Failure](err)
	if !ok || f.Code() != "pair.unconfirmed" {
		return "", fmt.Errorf("pairing without words confirmed: %w", err)
	}
	for line := range strings.Lines(string(f.Output)) {
		if text, ok := strings.CutPrefix(line, "words"); ok {
			return strings.TrimSpace(text), nil
		}
	}
	return "", errors.New("no words in: " + string(f.Output))
}

// Wallet is a wallet of the offline half, as it prints it.
type Wallet struct {
	SignatureID string `json:"signatureId"`
	Address     string `json:"address"` // index 0
	PublicKey   string `json:"publicKey"`
}

// NewWallet makes a test wallet of a mnemonic.
func (h *Halves) NewWallet(ctx context.Context, chain string) (w Wallet, err error) {
	err = Read(&w)(h.Offline(ctx, "wallet", "new", "--chain", chain, "--testnet", "--json"))
	if err == nil {
		err = h.lighten()
	}
	return w, err
}

// ImportWallet makes a test wallet of a mnemonic or a private key.
func (h *Halves) ImportWallet(ctx context.Context, chain, secret string) (w Wallet, err error) {
	h.typed = secret + "\n"
	err = Read(&w)(h.Offline(ctx, "wallet", "import", "--chain", chain, "--testnet", "--json"))
	return w, err
}

// Address is an address of a wallet with its key.
type Address struct {
	Address   string `json:"address"`
	PublicKey string `json:"publicKey"`
	Path      string `json:"path"` // m/44'/1'/0'/0/1
}

// Address asks for one by network name.
func (h *Halves) Address(ctx context.Context, id, index, network string) (a Address, err error) {
	err = Read(&a)(h.Offline(ctx, "address", id, index, "--network", network, "--json"))
	return a, err
}

// ShareKeys carries the public keys to the online half.
func (h *Halves) ShareKeys(ctx context.Context) error {
	if _, err := h.Offline(ctx, "keys", "export", "--out", "keys.cbor"); err != nil {
		return err
	}
	_, err := h.Online(ctx, "keys", "import", "keys.cbor")
	return err
}

// Read decodes what a command printed as JSON.
func Read(v any) func([]byte, error) error {
	return func(b []byte, err error) error {
		if err != nil {
			return err
		}
		return json.Unmarshal(b, v)
	}
}

// BitcoinKey asks for a key of a Bitcoin wallet, as those who build payments of
// it need it.
func (h *Halves) BitcoinKey(ctx context.Context, id, index string) (k fund.Key, err error) {
	a, err := h.Address(ctx, id, index, "regtest")
	if err != nil {
		return k, err
	}
	k.Address = a.Address
	if k.PublicKey, err = hex.DecodeString(a.PublicKey); err != nil {
		return k, err
	}
	for _, step := range strings.Split(a.Path, "/")[1:] {
		digits, hardened := strings.CutSuffix(step, "'")
		n, err := strconv.ParseUint(digits, 10, 31)
		if err != nil {
			return k, err
		}
		if hardened {
			n |= 1 << 31
		}
		k.Path = append(k.Path, uint32(n))
	}
	return k, nil
}
