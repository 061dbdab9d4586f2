package desk

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
	"coldsign/scripts/optics"
	"coldsign/scripts/rig"
	"coldsign/shared/frame/qr"
)

// world is both halves, a node, and a browser at the desk.
type world struct {
	testing.TB
	*halves.Halves
	*Browser
	eth    *fund.EVM
	btc    *fund.Bitcoin
	sol    *fund.Solana
	wallet halves.Wallet
	others map[string]halves.Wallet // by chain
	film   string                   // what the browser's camera sees
	base   string                   // of the desk
	made   uint64
	asked  int
	films  uint64
}

const network = "local" // of anvil

// told gives all that a command of the offline half said, to whichever stream, and
// whether it succeeded.
func (w *world) told(args ...string) (said string, succeeded bool) {
	w.Helper()
	cmd := exec.CommandContext(w.Context(), w.Programs.Offline, append(args, "--home", "offline", "--passphrase-file", "passphrase", "--allow-network-interfaces")...)
	cmd.Dir, cmd.Env = w.Dir, []string{"HOME=" + w.Dir}
	out, err := cmd.CombinedOutput()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		w.Fatal(err)
	}
	return string(out), err == nil
}

// says waits for words in an element.
func (w *world) says(at, want string) {
	w.Helper()
	w.Until(fmt.Sprintf("document.querySelector(%q)?.innerText.includes(%q)", at, want))
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sees has the browser's camera see codes on another screen: grade B, 720p, 30 % of the
// pictures lost, a hand that shakes. The film begins again when it is over.
func (w *world) sees(symbols []qr.Matrix, pictures int) {
	w.Helper()
	f, err := os.Create(w.film)
	ok(w, err)
	ok(w, optics.WriteMJPEG(f, w.camera(symbols, pictures), 85))
	ok(w, f.Close())
}

func (w *world) camera(symbols []qr.Matrix, pictures int) *optics.Camera {
	w.films++
	shown := func(i int) optics.Show { return optics.One(symbols[i%len(symbols)]) }
	return optics.NewCamera(optics.Film{
		Shown: shown, Count: pictures, ShownRate: 12, Scene: optics.GradeB.Scene(1280, 720, shown(0), w.films),
		Drift: 4, Rate: 30, Readout: 0.8, Exposure: 8 * time.Millisecond, Phase: 0.37, Lost: 0.3, Seed: w.films,
	})
}

// frames are those that a command of the offline half shows.
func (w *world) frames(args ...string) []qr.Matrix {
	w.Helper()
	dir, err := os.MkdirTemp(w.Dir, "frames-")
	ok(w, err)
	_, err = w.Offline(w.Context(), append(args, "--qr-dir", dir)...)
	ok(w, err)
	symbols, err := optics.ReadFrames(dir)
	ok(w, err)
	return symbols
}

// shown reads the codes of one pass from the canvas of the page, one step at a time.
func (w *world) shown() (symbols []qr.Matrix) {
	w.Helper()
	w.Until(`document.querySelector("canvas").dataset.shown`)
	w.Click("#pause")
	var pass int
	w.Eval(`(() => { while (Number(document.querySelector("canvas").dataset.shown) > 0) document.getElementById("back").click(); return Number(document.querySelector("canvas").dataset.pass) })()`, &pass)
	for i := range min(2*pass, 40) {
		var url string
		w.Until(fmt.Sprintf(`document.querySelector("canvas").dataset.shown === "%d"`, i))
		w.Eval(`document.querySelector("canvas").toDataURL("image/png")`, &url)
		raw, found := strings.CutPrefix(url, "data:image/png;base64,")
		if !found {
			w.Fatalf("the canvas gave %.40q", url)
		}
		img, err := png.Decode(base64.NewDecoder(base64.StdEncoding, strings.NewReader(raw)))
		ok(w, err)
		m, err := optics.Modules(img)
		ok(w, err)
		symbols = append(symbols, m)
		w.Click("#step")
	}
	return symbols
}

// filmed writes codes as a film that the offline half reads.
func (w *world) filmed(symbols []qr.Matrix) string {
	w.Helper()
	path := filepath.Join(w.Dir, fmt.Sprintf("film-%d.mjpeg", w.films))
	f, err := os.Create(path)
	ok(w, err)
	ok(w, optics.WriteMJPEG(f, w.camera(symbols, 2*len(symbols)+6), 85))
	ok(w, f.Close())
	return path
}

// pay has n payments wait.
func (w *world) pay(ctx context.Context, n int) {
	w.Helper()
	for range n {
		to, err := fund.NewEVMAddress()
		ok(w, err)
		call, err := w.eth.Pay(ctx, w.wallet.Address, to, w.made, big.NewInt(2e15))
		ok(w, err)
		hex, err := call.Hex()
		ok(w, err)
		_, err = w.Submit(ctx, fmt.Sprintf("payment-%d", w.made), halves.Submission{Chain: "ETH", Network: network, Hashes: []string{w.wallet.SignatureID}, Transaction: json.RawMessage(strconv.Quote(hex))})
		ok(w, err)
		w.made++
	}
}

// begin starts everything, and logs somebody in at the desk. Nothing is paired.
func begin(t testing.TB) *world {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	kinds := []rig.Kind{rig.KindAnvil, rig.KindBtcd, rig.KindSolana}
	var nodes [3]*rig.Node
	var programs halves.Programs
	var failed [4]error
	var group sync.WaitGroup
	group.Go(func() { programs, failed[3] = halves.BuildQuick(ctx, dir) })
	for i, kind := range kinds {
		group.Go(func() { nodes[i], failed[i] = rig.Start(ctx, kind) })
	}
	group.Wait()
	for _, n := range nodes {
		if n != nil {
			t.Cleanup(n.Stop)
		}
	}
	ok(t, errors.Join(failed[:]...))
	w := &world{TB: t, Halves: &halves.Halves{Programs: programs, Dir: dir}, film: filepath.Join(dir, "film.mjpeg")}
	t.Cleanup(w.Kill)
	var err error
	w.eth, err = fund.NewEVM(ctx, nodes[0].URL)
	ok(t, err)
	w.btc, err = fund.NewBitcoin(nodes[1].URL, nodes[1].User, nodes[1].Password)
	ok(t, err)
	t.Cleanup(w.btc.Close)
	w.sol, err = fund.NewSolana(ctx, nodes[2].URL)
	ok(t, err)
	ok(t, os.WriteFile(w.Path("passphrase"), []byte("correct horse battery staple, for rehearsals only\n"), 0o600))
	_, err = w.Offline(ctx, "init")
	ok(t, err)
	_, err = w.Online(ctx, "version")
	ok(t, err)
	ok(t, os.MkdirAll(w.Path("online"), 0o700))
	ok(t, w.Configure(ctx, halves.Network{Chain: "ETH", Name: network, RPC: nodes[0].URL, Confirmations: 2},
		halves.Network{Chain: "BTC", Name: "regtest", RPC: nodes[1].URL, User: nodes[1].User, Password: nodes[1].Password, Confirmations: 1},
		halves.Network{Chain: "SOL", Name: "localnet", RPC: nodes[2].URL, Confirmations: 32}))
	var user struct{ Code string }
	ok(t, halves.Read(&user)(w.Online(ctx, "desk", "user", "add", "anna", "--role", "admin", "--json")))
	ok(t, w.Serve(ctx))
	w.base = strings.Replace(w.Halves.URL(), "127.0.0.1", "localhost", 1) + "/desk"
	w.Browser = Start(t)
	w.Open(Options{Film: w.film})
	w.login(user.Code)
	return w
}

// login does what somebody new does with an enrolment code.
func (w *world) login(code string) {
	w.Helper()
	w.Goto(w.base + "/enrol")
	w.Fill("input[name=code]", code)
	w.Click("main button")
	w.Wait(".secret")
	for _, at := range []string{"input[name=password]", "input[name=again]"} {
		w.Fill(at, "several words are better than one")
	}
	w.Fill("input[name=totp]", digits(w, w.Text(".secret"), time.Now()))
	w.Click("main button.main")
	w.Wait("header .me")
}

// digits are those of an authenticator (RFC 6238).
func digits(t testing.TB, secret string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(secret, " ", ""))
	ok(t, err)
	mac := hmac.New(sha1.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(at.Unix()/30)))
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1_000_000)
}
