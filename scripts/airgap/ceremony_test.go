package airgap

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/programs/system"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
)

// ceremony is an offline half on a machine of its own, every command under
// strace, and a plain online half.
type ceremony struct {
	*halves.Halves
	t     *testing.T
	seen  *trace
	count int
}

// cold runs a command of the offline half where there is no network: no flag
// waives anything. It gives what was printed.
func (c *ceremony) cold(stdin string, args ...string) result {
	c.t.Helper()
	c.count++
	list := filepath.Join(c.Dir, fmt.Sprintf("strace-%02d", c.count))
	cmd := bare(c.Dir, append(args, "--home", "offline", "--passphrase-file", "passphrase")...)
	cmd.Stdin = strings.NewReader(stdin)
	r := ends(c.t, isolated(under(list, cmd)))
	if err := c.seen.read(list); err != nil {
		c.t.Fatalf("%q: %v\n%s", args, err, r)
	}
	return r
}

// must wants success, and nothing waived: not even that is said of a network.
func (c *ceremony) must(args ...string) []byte {
	c.t.Helper()
	r := c.cold("", args...)
	if r.status != 0 || strings.Contains(r.words, "AIR-GAPPED") {
		c.t.Fatalf("%q: %s", args, r)
	}
	return []byte(r.out)
}

// isolated runs a command in an empty network namespace, with a sysfs that shows
// it: a machine without a network.
func isolated(cmd *exec.Cmd) *exec.Cmd {
	return before(cmd, append(strings.Fields("unshare -r -n -m --"), "sh", "-c", `mount -t sysfs sysfs /sys && exec "$@"`, "sh")...)
}

// The whole ceremony of the release binary on a machine without a network, three
// chains, files and codes, under strace: no call reaches out of the process, and
// nothing had to be waived.
func TestCeremonyReachesNowhere(t *testing.T) {
	t.Parallel()
	needs(t, "strace", "unshare", "mount")
	if r := ends(t, isolated(exec.Command("true"))); r.status != 0 {
		t.Skipf("this kernel gives this user no namespaces (as root it may): %s", r)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	c := &ceremony{Halves: &halves.Halves{Programs: programs, Dir: t.TempDir()}, t: t, seen: newTrace()}
	ok(t, os.WriteFile(c.Path("passphrase"), []byte(passphrase+"\n"), 0o600))
	c.must("init")
	c.pair(ctx)
	btc, eth, sol := c.wallet("BTC"), c.wallet("ETH"), c.wallet("SOL")
	if r := c.cold(mnemonic, "wallet", "import", "--chain", "ETH", "--testnet"); r.status != 0 {
		t.Fatal(r)
	}
	c.must("wallet", "list")
	c.must("address", btc.SignatureID, "3")
	c.must("policy", "set", "--preset", "strict")
	c.must("policy", "show")
	c.must("keys", "export", "--out", "keys.cbor")
	_, err := c.Online(ctx, "keys", "import", "keys.cbor")
	ok(t, err)
	c.submit(ctx, btc, eth, sol)
	_, err = c.Export(ctx, "requests.cbor")
	ok(t, err)
	_, err = c.Online(ctx, "export", "--qr-dir", "shown")
	ok(t, err)

	var first, second halves.Review
	ok(t, json.Unmarshal(c.must("review", "requests.cbor", "--json"), &first))
	ok(t, json.Unmarshal(c.must("review", "--scan-images", "shown", "--json"), &second))
	if first.Signable != 3 || second.Digest != first.Digest {
		t.Fatalf("the reviews say %+v and %+v", first, second)
	}
	c.must("sign", "requests.cbor", "--out", "answers.cbor", "--approve", first.Digest)
	c.must("sign", "requests.cbor", "--qr-dir", "answers")
	c.must("sign", "requests.cbor", "--qr-gif", "answers.gif")
	c.must("resend", "2", "--out", "again.cbor")
	c.must("journal", "verify")
	c.must("journal", "show")
	c.must("backup", "--out", "backup.age")
	c.must("backup", "verify", "backup.age")
	c.must("backup", "--out", "shared.age", "--shares", "2of3", "--shares-dir", "shares")
	c.must("passphrase", "--new-passphrase-file", "passphrase")
	ok(t, os.Rename(c.Path("offline"), c.Path("lost")))
	c.must("restore", "shared.age", "--shares-dir", "shares")
	ok(t, errors.Join(os.RemoveAll(c.Path("offline")), os.Rename(c.Path("lost"), c.Path("offline"))))
	c.must("selftest")
	c.must("version")
	took, err := c.Import(ctx, "answers.cbor")
	ok(t, err)
	if took.Signed != 3 {
		t.Errorf("the online half took %+v", took)
	}
	same(t, c.Path("answers.cbor"), c.Path("again.cbor"))
	if len(c.seen.bad) > 0 {
		t.Errorf("%d calls reach out of the process:\n%s", len(c.seen.bad), strings.Join(c.seen.bad, "\n"))
	}
	if c.seen.runs != c.count || c.seen.calls["execve"] != c.count || c.seen.total() < 100*c.count {
		t.Errorf("%d commands: %s", c.count, c.seen)
	}
	t.Log(c.seen)
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, a, b string) {
	t.Helper()
	one, err := os.ReadFile(a)
	ok(t, err)
	other, err := os.ReadFile(b)
	ok(t, err)
	if string(one) != string(other) {
		t.Errorf("%s and %s differ", filepath.Base(a), filepath.Base(b))
	}
}

// pair carries the device keys both ways, words compared.
func (c *ceremony) pair(ctx context.Context) {
	c.t.Helper()
	c.must("pair", "--out", "offline.pair")
	_, err := c.Online(ctx, "pair", "--out", "online.pair")
	ok(c.t, err)
	r := c.cold("", "pair", "--in", "online.pair")
	words, err := halves.Words(nil, &halves.Failure{Status: r.status, Words: strings.TrimSpace(r.words), Output: []byte(r.out)})
	ok(c.t, err)
	c.must("pair", "--in", "online.pair", "--confirm", words)
	_, err = c.Online(ctx, "pair", "--in", "offline.pair", "--confirm", words)
	ok(c.t, err)
}

func (c *ceremony) wallet(chain string) (w halves.Wallet) {
	c.t.Helper()
	ok(c.t, json.Unmarshal(c.must("wallet", "new", "--chain", chain, "--testnet", "--json"), &w))
	return w
}

// submit asks for a payment on each chain, through the API of the online half.
func (c *ceremony) submit(ctx context.Context, btc, eth, sol halves.Wallet) {
	c.t.Helper()
	ok(c.t, c.Configure(ctx))
	ok(c.t, c.Serve(ctx))
	for i, s := range []halves.Submission{
		{Chain: "BTC", Network: "regtest", Hashes: []string{btc.SignatureID}, Transaction: c.bitcoin(btc)},
		{Chain: "ETH", Network: "sepolia", Hashes: []string{eth.SignatureID}, Transaction: json.RawMessage(`{"type": "0x2",
			"to": "0x000000000000000000000000000000000000dEaD", "value": "100000000000000000", "nonce": 0, "gas": 21000,
			"maxFeePerGas": "30000000000", "maxPriorityFeePerGas": "1000000000"}`)},
		{Chain: "SOL", Network: "localnet", Hashes: []string{sol.SignatureID}, Transaction: solanaPayment(c.t, sol)},
	} {
		_, err := c.Submit(ctx, fmt.Sprintf("payment-%d", i), s)
		ok(c.t, err)
	}
	ok(c.t, c.Stop())
}

// bitcoin spends a coin that nobody has mined: no node is asked here.
func (c *ceremony) bitcoin(w halves.Wallet) json.RawMessage {
	c.t.Helper()
	var a halves.Address
	ok(c.t, json.Unmarshal(c.must("address", w.SignatureID, "0", "--network", "regtest", "--json"), &a))
	key := fund.Key{Address: a.Address}
	var err error
	key.PublicKey, err = hex.DecodeString(a.PublicKey)
	ok(c.t, err)
	for _, step := range strings.Split(a.Path, "/")[1:] {
		var n uint32
		_, err := fmt.Sscanf(step, "%d", &n)
		ok(c.t, err)
		if strings.HasSuffix(step, "'") {
			n |= 1 << 31
		}
		key.Path = append(key.Path, n)
	}
	to, err := address.DecodeAddress(a.Address, &chaincfg.RegressionNetParams)
	ok(c.t, err)
	script, err := txscript.PayToAddrScript(to)
	ok(c.t, err)
	coin := wire.NewMsgTx(2)
	coin.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: 7}, nil, nil))
	coin.AddTxOut(wire.NewTxOut(20_000_000, script))
	payee, err := fund.NewBitcoinAddress()
	ok(c.t, err)
	psbt, err := fund.Spend{Coins: []fund.Coin{{Tx: coin}}, From: key, To: payee, Amount: 1_000_000, Change: key}.PSBT()
	ok(c.t, err)
	return quoted(c.t, psbt)
}

func solanaPayment(t *testing.T, w halves.Wallet) json.RawMessage {
	t.Helper()
	from, err := solana.PublicKeyFromBase58(w.Address)
	ok(t, err)
	pay := system.NewTransferInstruction(1_000_000, from, solana.NewWallet().PublicKey()).Build()
	tx, err := solana.NewTransaction([]solana.Instruction{pay}, solana.Hash{1, 2, 3}, solana.TransactionPayer(from))
	ok(t, err)
	message, err := tx.Message.MarshalBinary()
	ok(t, err)
	return quoted(t, base64.StdEncoding.EncodeToString(message))
}

func quoted(t *testing.T, s string) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(s)
	ok(t, err)
	return b
}
