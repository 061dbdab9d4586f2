// Package foreign holds tests of what other wallets ask and answer: the two halves
// talk to each other in other wallets' forms, and other people's libraries read
// and write along.
package foreign

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire/v2"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
	"coldsign/scripts/interop"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/solana"
	"coldsign/shared/frame/ur"
	"coldsign/shared/frame/urtypes"
	"coldsign/shared/hd"
)

// signer is our offline half as another wallet, never paired, and the online half
// that has it sign.
type signer struct {
	*halves.Halves
	t       *testing.T
	ctx     context.Context
	oracle  *interop.Oracle
	account urtypes.Account // the last crypto-account that was told
	n       int
}

// wallet is one that the online half took from codes.
type wallet struct {
	SignatureID string `json:"signatureId"`
	Chain       string `json:"chain"`
	Fingerprint string `json:"fingerprint"`
	Path        string `json:"path"`
	Address     string `json:"address"`
}

func begin(t *testing.T) *signer {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	o, err := interop.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	dir := t.TempDir()
	programs, err := halves.BuildQuick(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	s := &signer{Halves: &halves.Halves{Programs: programs, Dir: dir}, t: t, ctx: ctx, oracle: o}
	s.must(os.WriteFile(s.Path("passphrase"), []byte("correct horse battery staple, for rehearsals only\n"), 0o600))
	s.offline("init")
	s.online("pending") // makes the home
	s.must(s.Configure(ctx))
	s.must(s.Serve(ctx))
	t.Cleanup(s.Kill)
	return s
}

func (s *signer) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *signer) offline(args ...string) []byte {
	s.t.Helper()
	b, err := s.Offline(s.ctx, args...)
	s.must(err)
	return b
}

func (s *signer) online(args ...string) []byte {
	s.t.Helper()
	b, err := s.Online(s.ctx, args...)
	s.must(err)
	return b
}

func (s *signer) file() string {
	s.n++
	return fmt.Sprintf("codes-%d", s.n)
}

// seen has the reference library put the codes of a file together and read them.
func (s *signer) seen(file, kind string) (value json.RawMessage) {
	s.t.Helper()
	b, err := os.ReadFile(s.Path(file))
	s.must(err)
	var got struct{ Type, CBOR string }
	s.must(s.oracle.Ask(interop.Question{"do": "collect", "parts": strings.Fields(string(b))}, &got))
	if got.Type != kind {
		s.t.Fatalf("the codes are of type %q, not %q", got.Type, kind)
	}
	s.must(s.oracle.Ask(interop.Question{"do": "read", "type": kind, "cbor": got.CBOR}, &value))
	return value
}

// tell carries a wallet's public keys by codes, read by the reference too.
func (s *signer) tell(chainName, kind string) (list []wallet, own halves.Wallet) {
	s.t.Helper()
	own, err := s.NewWallet(s.ctx, chainName)
	s.must(err)
	f := s.file()
	s.offline("keys", "export", "--id", own.SignatureID, "--qr-text", f)
	s.seen(f, kind)
	if kind == "crypto-account" {
		b := must(os.ReadFile(s.Path(f)))(s.t)
		d := ur.NewDecoder(ur.Limits{})
		for _, text := range strings.Fields(string(b)) {
			if p := must(d.Add(text))(s.t); p.Message != nil {
				s.account = must(urtypes.Decode(kind, p.Message))(s.t).(urtypes.Account)
			}
		}
	}
	var r struct{ Wallets []wallet }
	s.must(json.Unmarshal(s.online("keys", "import", "--scan", f, "--testnet", "--json"), &r))
	return r.Wallets, own
}

// cross has the other wallet sign one row, and checks what repeats.
func (s *signer) cross(id, ask, answer string) {
	t := s.t
	t.Helper()
	asked, answered := s.file(), s.file()
	s.online("export", "--id", id, "--format", "ur", "--qr-text", asked)
	s.seen(asked, ask)
	var r struct {
		halves.Review
		From string `json:"from"`
	}
	s.must(json.Unmarshal(s.offline("review", "--scan", asked, "--json", "--network", network(ask)), &r))
	if r.From == "" || r.Signable != 1 || len(r.Items) != 1 {
		t.Fatalf("review: %+v", r)
	}
	if ask == "sol-sign-request" {
		_, err := s.Offline(s.ctx, "sign", "--scan", asked, "--qr-text", answered, "--network", network(ask), "--approve", strings.Repeat("0", 64))
		if halves.CodeOf(err) != "approve.digest" {
			t.Errorf("another digest: %v", err)
		}
	}
	s.offline("sign", "--scan", asked, "--qr-text", answered, "--network", network(ask), "--approve", r.Digest)
	s.seen(answered, answer)
	again := s.file()
	s.offline("sign", "--scan", asked, "--qr-text", again, "--network", network(ask)) // decided: no second approval
	a, errA := os.ReadFile(s.Path(answered))
	b, errB := os.ReadFile(s.Path(again))
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Error("the same request gives other bytes the second time")
	}
	for i, repeat := range []bool{false, true} {
		var in halves.Imported
		s.must(json.Unmarshal(s.online("import", "--scan", answered, "--json"), &in))
		if in.Signed != 1 || in.Repeat != repeat {
			t.Errorf("import %d: %+v", i, in)
		}
	}
	row, err := s.Get(s.ctx, id)
	if err != nil || row.State != "signed" && row.State != "broadcasting" {
		t.Errorf("the row is %s: %v", row.State, err)
	}
}

// testnet is Bitcoin's testnet 3 by CAIP-2.
const testnet = "bip122:000000000933ea01ad0ee984209779ba"

// network names the network that a form does not name itself.
func network(ask string) string {
	return map[string]string{"crypto-psbt": testnet, "sol-sign-request": "localnet", "eth-sign-request": "sepolia"}[ask]
}

func (s *signer) submit(b halves.Submission) string {
	s.t.Helper()
	s.n++
	row, err := s.Submit(s.ctx, fmt.Sprint("foreign-", s.n), b)
	s.must(err)
	return row.ID
}

func TestOtherWalletSigns(t *testing.T) {
	s := begin(t)

	// Ethereum, typed and legacy.
	eth, _ := s.tell("ETH", "crypto-hdkey")
	var ids []string
	for i, tx := range []string{
		`{"type": "0x2", "to": "0x000000000000000000000000000000000000dEaD", "value": "100000000000000000", "nonce": 0, "gas": 21000, "maxFeePerGas": "30000000000", "maxPriorityFeePerGas": "1000000000"}`,
		`{"to": "0x000000000000000000000000000000000000dEaD", "value": "100000000000000000", "nonce": 1, "gas": 21000, "gasPrice": "30000000000"}`,
	} {
		id := s.submit(halves.Submission{Chain: "ETH", Network: "sepolia", Hashes: []string{eth[0].SignatureID}, Transaction: json.RawMessage(tx)})
		if i == 0 {
			_, err := s.Online(s.ctx, "export", "--out", "never.cbor")
			if code := halves.CodeOf(err); code != "pair.missing" && code != "export.empty" {
				t.Errorf("an export without names took another wallet's row: %v", err)
			}
		}
		s.cross(id, "eth-sign-request", "eth-signature")
		ids = append(ids, id)
	}

	// Solana.
	sol, own := s.tell("SOL", "crypto-multi-accounts")
	from, err := solana.ParseAddress(own.Address)
	s.must(err)
	to, err := solana.ParseAddress(fund.NewSolanaAddress())
	s.must(err)
	message, err := solana.Compile(from, [32]byte{7}, solana.SystemTransfer(from, to, 1_000_000_000))
	s.must(err)
	text, _ := json.Marshal(base64.StdEncoding.EncodeToString(message))
	ids = append(ids, s.submit(halves.Submission{Chain: "SOL", Network: "localnet", Hashes: []string{sol[0].SignatureID}, Transaction: text}))
	s.cross(ids[2], "sol-sign-request", "sol-signature")

	// Bitcoin: two of the four accounts that were told pay, by P2WPKH and by P2TR.
	btc, _ := s.tell("BTC", "crypto-account")
	if len(btc) != 4 {
		t.Fatalf("%d accounts", len(btc))
	}
	for i, w := range btc[:2] {
		psbt := s.psbt(w, uint32(i))
		text, _ := json.Marshal(base64.StdEncoding.EncodeToString(psbt))
		id := s.submit(halves.Submission{Chain: "BTC", Network: testnet, Hashes: []string{w.SignatureID}, Transaction: text})
		s.cross(id, "crypto-psbt", "crypto-psbt")
	}
	if out := string(s.offline("journal", "verify")); !strings.HasPrefix(out, "ok") {
		t.Errorf("journal: %s", out)
	}
	s.must(s.Stop())
}

// psbt spends a coin of the wallet's first key.
func (s *signer) psbt(w wallet, salt uint32) []byte {
	t := s.t
	t.Helper()
	script := must(bitcoin.ScriptFor(testnet, w.Address))(t)
	previous := wire.NewMsgTx(2)
	previous.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: salt}, []byte{0x51}, nil))
	previous.AddTxOut(wire.NewTxOut(50_000_000, script))
	var raw bytes.Buffer
	s.must(previous.Serialize(&raw))
	key := s.key(w)
	fp := must(hex.DecodeString(w.Fingerprint))(t)
	in := bitcoin.Input{
		Outpoint: bitcoin.Outpoint{TxID: bitcoin.Hash(previous.TxHash())}, Sequence: 0xfffffffd, Previous: raw.Bytes(),
		Origins: []chain.Origin{{Key: key, Fingerprint: [4]byte(fp), Path: append(path(t, w.Path), 0)}},
	}
	if strings.HasPrefix(w.Path, "m/86'") {
		in.InternalKey = key.Bytes()[1:]
	}
	pay := append([]byte{0, 20}, bytes.Repeat([]byte{9}, 20)...)
	return must(bitcoin.BuildPSBT(2, 0, []bitcoin.Input{in}, []bitcoin.Output{{Amount: 49_000_000 + uint64(salt), Script: pay}}))(t)
}

// key derives the wallet's first key from what the codes told.
func (s *signer) key(w wallet) chain.PublicKey {
	t := s.t
	t.Helper()
	for _, o := range s.account.Outputs {
		k := o.Keys[0].(urtypes.HDKey)
		indexes, _ := k.Origin.Indexes()
		if chain.PathString(append(indexes, 0)) != w.Path {
			continue
		}
		node := must(hd.NewPublic(must(chain.NewPublicKey(chain.Secp256k1, k.Key))(t), k.ChainCode, 3, [4]byte{}, 0))(t)
		return must(node.Derive([]uint32{0, 0}))(t).Key()
	}
	t.Fatalf("no key at %s was told", w.Path)
	return chain.PublicKey{}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func path(t *testing.T, text string) (p []uint32) {
	t.Helper()
	for _, step := range strings.Split(text, "/")[1:] {
		var n uint32
		digits, hard := strings.CutSuffix(step, "'")
		if _, err := fmt.Sscan(digits, &n); err != nil {
			t.Fatal(err)
		}
		if hard {
			n |= chain.Hardened
		}
		p = append(p, n)
	}
	return p
}
