package bitcoin_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"

	"coldsign/online/internal/chain/nodetest"
	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/create"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	codec "coldsign/shared/chain/bitcoin"
)

// ledger plays a node of Core's kin, with one output of 10 coins on each script.
type ledger struct {
	network chain.ID
	says    map[string]any
	txs     map[string]*wire.MsgTx
	gone    map[string]bool // ids of transactions whose output the mempool spends
	odd     string          // the id of one that nobody can read
}

func (l *ledger) pay(t testing.TB, address string) string {
	t.Helper()
	script, err := codec.ScriptFor(l.network, address)
	if err != nil {
		t.Fatal(err)
	}
	tx := wire.NewMsgTx(1)
	tx.AddTxIn(&wire.TxIn{Sequence: uint32(len(l.txs))})
	tx.AddTxOut(wire.NewTxOut(10e8, script))
	l.txs[tx.TxHash().String()] = tx
	return tx.TxHash().String()
}

func (l *ledger) answer(method string, params []json.RawMessage) (any, *nodetest.Error) {
	text := ""
	if len(params) > 0 {
		json.Unmarshal(params[0], &text) //nolint:errcheck // of other kinds it is not asked
	}
	switch method {
	case "scantxoutset":
		var list []any
		for id, tx := range l.txs {
			script := hex.EncodeToString(tx.TxOut[0].PkScript)
			if bytes.Contains(params[1], []byte(script)) {
				list = append(list, map[string]any{"txid": id, "vout": 0, "scriptPubKey": script, "amount": json.Number("10.00000000"), "height": 91})
			}
		}
		return map[string]any{"success": true, "height": 100, "unspents": list}, nil
	case "gettxout":
		if l.txs[text] == nil || l.gone[text] {
			return nil, nil
		}
		return map[string]any{"confirmations": 10}, nil
	case "getrawtransaction":
		var b bytes.Buffer
		l.txs[text].Serialize(&b) //nolint:errcheck // a buffer
		if text == l.odd {
			b.Truncate(20)
		}
		return hex.EncodeToString(b.Bytes()), nil
	case "getblockhash":
		for _, p := range []string{"00000000000e38fef93ed9582a7df43815d5c2ba9fd37ef70c9a0ea4a285b8f5", "0000000023e0680a8a062b3cc289a4a341124ce7fcb6340ede207e194d73b60a"} {
			if string(params[0]) == map[string]string{"0000000000": "1155876", "0000000023": "1421482"}[p[:10]] {
				return p, nil
			}
		}
		_, zero, _ := strings.Cut(string(l.network), ":")
		return zero + strings.Repeat("0", 32), nil
	}
	if v, ok := l.says[method]; ok {
		return v, nil
	}
	return nil, &nodetest.Error{Code: -32601, Message: "Method not found"}
}

func newLedger(t testing.TB, name string, network chain.ID) (*rig, *ledger) {
	t.Helper()
	l := &ledger{network, map[string]any{}, map[string]*wire.MsgTx{}, map[string]bool{}, ""}
	r := newRig(t, name, network, transport.Config{URL: nodetest.Serve(t, l.answer)})
	return r, l
}

// TestKin: Bitcoin Cash and Dogecoin pay by their own rules: sequence, version, hash
// type, rates and dust, and with a node that knows no rate the one that is told.
func TestKin(t *testing.T) {
	for _, c := range []struct {
		name     string
		network  chain.ID
		says     map[string]any
		rate     uint64 // satoshi for 1000 bytes
		version  int32
		sequence uint32
		told     bool
	}{
		{"BCH", "bip122:00000000000e38fef93ed9582a7df438", map[string]any{"estimatefee": json.Number("0.00001")}, 1_000, 2, 0xffffffff, false},
		{"BCH", "bip122:00000000000e38fef93ed9582a7df438", nil, 2_000, 2, 0xffffffff, true},
		{"DOGE", "bip122:3d2160a3b5dc4a9d62e7e66a295f7031", map[string]any{"estimatesmartfee": map[string]any{"feerate": -1}}, 1_000_000, 1, 0xffffffff, true},
		{"DOGE", "bip122:3d2160a3b5dc4a9d62e7e66a295f7031", map[string]any{"estimatesmartfee": map[string]any{"feerate": 99}}, 500_000_000, 1, 0xffffffff, false},
		{"LTC", "bip122:530827f38f93b43ed12af0b3ad25a288", map[string]any{"estimatesmartfee": map[string]any{"feerate": json.Number("2e-05")}}, 2_000, 2, 0xfffffffd, false},
		{"BTC", regtest, map[string]any{"estimatesmartfee": map[string]any{"feerate": 0.00002}, "getmempoolinfo": map[string]any{"mempoolminfee": 0.0003}}, 30_000, 2, 0xfffffffd, false},
	} {
		r, l := newLedger(t, c.name, c.network)
		maps.Copy(l.says, c.says)
		own := r.address(1, 0)
		for range 3 {
			l.pay(t, own)
		}
		row := r.must(r.make(create.Transaction, pays(from(mnemonic, own, 1), r.address(2, 0), "11.5")))
		change, _, fee := r.split(row, own)
		s := r.sealed(row)
		var tx wire.MsgTx
		if err := tx.Deserialize(bytes.NewReader(s.Raw)); err != nil {
			t.Fatal(err)
		}
		size := uint64(tx.SerializeSizeStripped()*3+tx.SerializeSize()+3) / 4
		if least := int64(size * c.rate / 1000); fee < least || fee > least+least/20+20 || change == 0 || len(tx.TxIn) != 2 {
			t.Errorf("%s: fee %d for %d bytes, change %d, %d inputs", c.name, fee, size, change, len(tx.TxIn))
		}
		if tx.Version != c.version || tx.TxIn[0].Sequence != c.sequence {
			t.Errorf("%s: version %d, sequence %x", c.name, tx.Version, tx.TxIn[0].Sequence)
		}
		if told := strings.Contains(string(row.Request), "knows no fee rate"); told != c.told {
			t.Errorf("%s: told of a fallback: %v", c.name, told)
		}
		if ours, record := row.Serialized[:10], hex.EncodeToString(s.Raw[:5]); (c.name == "BCH") != (ours == record) {
			t.Errorf("%s: record %.40s", c.name, row.Serialized)
		}
	}
}

// TestSpentMeanwhile: what the mempool spends is not taken, nor what cannot be proven, and all that there is
// beyond the payment is the fee where the rate could not be paid.
func TestSpentMeanwhile(t *testing.T) {
	r, l := newLedger(t, "BTC", regtest)
	own := r.address(0, 0)
	l.gone[l.pay(t, own)] = true
	l.odd = l.pay(t, own)
	kept := l.pay(t, own)
	row := r.must(r.make(create.Transaction, pays(from(mnemonic, own, 0), r.address(1, 0), "9.999997")))
	if in := r.inputs(row); len(in) != 1 || !strings.Contains(in[0], kept) {
		t.Errorf("%v", in)
	}
	if _, _, fee := r.split(row, own); fee != 300 { // 10 satoshi a byte would be 1,100
		t.Errorf("fee %d", fee)
	}
}

// TestBadFields: what is wrong with a body is told by field, and nothing is made.
func TestBadFields(t *testing.T) {
	r, l := newLedger(t, "BTC", regtest)
	own, to := r.address(0, 0), r.address(1, 1)
	taken := l.pay(t, own)
	f, main := from(mnemonic, own, 0), "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
	utxo := fmt.Sprintf(`{"txHash":"%s","index":0,"signatureId":"%s","signatureIdIndex":0}`, taken, mnemonic)
	outs := func(from, more string) string {
		return fmt.Sprintf(`{"fromUTXO":[%s],"to":[{"address":"%s","value":1}]%s}`, from, to, more)
	}
	for name, c := range map[string]struct{ body, want string }{
		"good":                   {pays(f, to, "1"), ""},
		"no sources":             {`{"to":[],"fromAddress":[]}`, "signatureId isUuid"},
		"no payee":               {fmt.Sprintf(`{"to":[],"fromAddress":[%s]}`, f), "to arrayMinSize"},
		"neither":                {fmt.Sprintf(`{"to":[{"address":"%s","value":1}],"signatureId":"%s"}`, to, mnemonic), "signatureId whitelistValidation"},
		"both":                   {fmt.Sprintf(`{"fromAddress":[%s],"fromUTXO":[%s],"to":[{"address":"%s","value":1}]}`, f, utxo, to), "fromAddress isDefined"},
		"private key":            {fmt.Sprintf(`{"fromAddress":[{"address":"%s","privateKey":"x"}],"to":[]}`, own), "privateKey isSecret"},
		"unknown field":          {pays(f, to, "1", `"memo":"x"`), "memo whitelistValidation"},
		"no UUID":                {pays(from("x", own, 0), to, "1"), "signatureId isUuid"},
		"unknown wallet":         {pays(from("99999999-9999-4999-8999-999999999999", own, 0), to, "1"), "signatureId wallet.missing"},
		"wrong index":            {pays(from(mnemonic, own, 1), to, "1"), "fromAddress.0.address isOwner"},
		"index too large":        {pays(from(mnemonic, own, 1<<31), to, "1"), "fromAddress.0.signatureIdIndex isInt"},
		"another network":        {pays(f, main, "1"), "to.0.address isAddress"},
		"own of another network": {pays(from(mnemonic, main, 0), to, "1"), "fromAddress.0.address isAddress"},
		"change elsewhere":       {pays(f, to, "1", `"changeAddress":"`+main+`"`), "changeAddress isAddress"},
		"an address twice":       {pays(f+","+f, to, "1"), "fromAddress.1.address isUnique"},
		"too many decimals":      {pays(f, to, "0.123456789"), "to.0.value isNumber"},
		"an exponent":            {pays(f, to, "1e-3"), "to.0.value isNumber"},
		"negative":               {pays(f, to, "-1"), "to.0.value isNumber"},
		"nothing":                {pays(f, to, "0"), "to.0.value min"},
		"dust":                   {pays(f, to, "0.00000545"), "to.0.value min"},
		"more than there is":     {pays(f, to, "21000001"), "to.0.value min"},
		"more together":          {fmt.Sprintf(`{"fromAddress":[%s],"to":[{"address":"%s","value":20999999},{"address":"%s","value":2}]}`, f, to, to), "to.1.value max"},
		"more than the wallet":   {pays(f, to, "10"), "create.funds"},
		"a fee as a number":      {pays(f, to, "1", `"fee":0.0001`), "fee isNumberString"},
		"a fee of nothing":       {pays(f, to, "1", `"fee":"0"`), "fee min"},
		"a fee beyond the cap":   {pays(f, to, "1", `"fee":"0.06"`), "fee range"},
		"a fee far too high":     {pays(f, to, "1", `"fee":"0.01"`), "fee range"},
		"a fee that none relays": {pays(f, to, "1", `"fee":"0.0000001"`), "fee range"},
		"no transaction id":      {outs(strings.Replace(utxo, taken, "xyz", 1), ""), "fromUTXO.0.txHash length"},
		"an output twice":        {outs(utxo+","+utxo, ""), "fromUTXO.1.txHash isUnique"},
		"unknown output":         {outs(strings.Replace(utxo, taken, strings.Repeat("ab", 32), 1), ""), "fromUTXO.0.txHash isUnspent"},
		"what outputs leave":     {outs(utxo, ""), "fee isDefined"},
		"an array of numbers":    {`{"fromAddress":[1],"to":[2]}`, "signatureId isUuid"},
		"no object":              {`[]`, "body isObject"},
	} {
		r.refused(create.Transaction, name, c.body, c.want)
	}
}

// refused wants an error of the body, or of "" the row, which is cancelled at once.
func (r *rig) refused(kind create.Kind, name, body, want string) {
	r.Helper()
	row, err := r.make(kind, body)
	if got := cmp.Or(field(err), fault(err)); got != want && (err != nil || want != "") {
		r.Errorf("%s: %v (%s), want %s", name, err, got, want)
	}
	if err == nil {
		if _, err := r.store.Cancel(r.Context(), "a", row.ID); err != nil {
			r.Fatal(err)
		}
	}
}

// TestBadWithdrawals: the same of transferBtcKMS.
func TestBadWithdrawals(t *testing.T) {
	r, l := newLedger(t, "BTC", regtest)
	l.pay(t, r.address(7, 0))
	to := r.address(1, 1)
	body := func(members map[string]any) string {
		all := map[string]any{"senderAccountId": "5e68c66581f2ee32bc354087", "address": to, "amount": "1", "signatureId": mnemonic, "xpub": r.xpub(), "fee": "0.0005"}
		maps.Copy(all, members)
		b, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	other := r.derive(r.chain.Wallet.Derivation().Account(false)).Public().Encode(true)
	for name, c := range map[string]struct {
		members map[string]any
		want    string
	}{
		"good":                   {nil, ""},
		"several":                {map[string]any{"address": to + "," + to, "multipleAmounts": []string{"0.25", "0.75"}}, ""},
		"change elsewhere":       {map[string]any{"attr": r.address(3, 0), "xpub": nil}, ""},
		"no account":             {map[string]any{"senderAccountId": nil}, "senderAccountId isDefined"},
		"neither xpub nor attr":  {map[string]any{"xpub": nil}, "xpub isDefined"},
		"the xpub of another":    {map[string]any{"xpub": other}, "xpub isOwner"},
		"no xpub":                {map[string]any{"xpub": "xpub"}, "xpub isOwner"},
		"a single key":           {map[string]any{"signatureId": single}, "signatureId isMnemonic"},
		"another sum":            {map[string]any{"address": to + "," + to, "multipleAmounts": []string{"0.25", "0.76"}}, "amount isSum"},
		"one amount for two":     {map[string]any{"address": to + "," + to, "multipleAmounts": []string{"1"}}, "multipleAmounts arraySize"},
		"two addresses":          {map[string]any{"address": to + "," + to}, "multipleAmounts arraySize"},
		"amounts that are none":  {map[string]any{"address": to + "," + to, "multipleAmounts": []string{"0.25", "x"}}, "multipleAmounts isNumberString"},
		"dust among the amounts": {map[string]any{"address": to + "," + to, "multipleAmounts": []string{"0.99999999", "0.00000001"}}, "multipleAmounts min"},
		"a check":                {map[string]any{"compliant": true}, "compliant isIn"},
		"no address":             {map[string]any{"address": "x"}, "address isAddress"},
		"no address for change":  {map[string]any{"attr": "x"}, "attr isAddress"},
		"a number":               {map[string]any{"amount": 1}, "amount isNumberString"},
		"a mnemonic":             {map[string]any{"mnemonic": "x"}, "mnemonic isSecret"},
		"too much":               {map[string]any{"amount": "11"}, "create.funds"},
	} {
		r.refused(create.Withdrawal, name, body(c.members), c.want)
	}
}

// counter counts the wallets that are looked up before a body is read.
type counter struct {
	create.Intake
	n int
}

func (c *counter) Options(ctx context.Context, tenant, name string, wallets []bundle.SignatureID) (chain.Chain, []chain.Network, error) {
	c.n += len(wallets)
	return c.Intake.Options(ctx, tenant, name, wallets)
}

// TestManyWallets: a body that names one wallet a thousand times has it looked up once,
// and one that names more than can pay together has none.
func TestManyWallets(t *testing.T) {
	r, l := newLedger(t, "BTC", regtest)
	own := r.address(0, 0)
	l.pay(t, own)
	c := &counter{Intake: r.Intake}
	r.Intake = c
	f := from(mnemonic, own, 0)
	r.refused(create.Transaction, "one wallet", pays(strings.Repeat(f+",", 500)+f, r.address(1, 0), "1"), "fromAddress arrayMaxSize")
	if c.n != 1 {
		t.Errorf("%d wallets were looked up", c.n)
	}
	var many []string
	for n := range 501 {
		many = append(many, from(fmt.Sprintf("11111111-1111-4111-8111-%012d", n), own, 0))
	}
	r.refused(create.Transaction, "501 wallets", pays(strings.Join(many, ","), r.address(1, 0), "1"), "signatureId arrayMaxSize")
	if c.n != 1 {
		t.Errorf("%d wallets were looked up", c.n)
	}
}
