package interop

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/frame/ur"
	"coldsign/shared/frame/urtypes"
)

const (
	compressed = "02eae4b876a8696134b868f88cc2f51f715f2dbedb7446b8e6edf3d4541c4eb67b"
	second     = "03acd484e2f0c7f65309ad178a9f559abde09796974c57e714c35f110dfc27ccbe"
	chain      = "ced155c72456255881793514edc5bd9447e7f74abb88c6d6b6480fd016ee8c85"
	uuid       = "9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d"
	address    = "0101010101010101010101010101010101010101"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func depth(d uint8) *uint8 { return &d }

// pair is one thing said in Go and in the words of oracle.mjs.
type pair struct {
	kind  string
	item  urtypes.Item
	value string
}

func pairs() []pair {
	path := urtypes.PathOf(0x12345678, []uint32{1<<31 + 44, 1<<31 + 60, 1 << 31, 0, 1<<31 - 1})
	const pathText = `{"steps":[[44,true],[60,true],[0,true],[0,false],[2147483647,false]],"fingerprint":"12345678"}`
	wild := urtypes.KeyPath{Steps: []urtypes.Step{{Low: 1}, {Form: urtypes.Wildcard}, {Form: urtypes.Wildcard, Hardened: true}}, Depth: depth(3)}
	const wildText = `{"steps":[[1,false],[null,false],[null,true]],"depth":3}`
	key := urtypes.HDKey{Key: unhex(compressed), ChainCode: [32]byte(unhex(chain)), Coin: &urtypes.CoinInfo{Coin: 60, Network: 1}, Origin: &path, Children: &wild, Parent: 0xe9181cf3, Name: "keystone", Note: "account.standard"}
	keyText := fmt.Sprintf(`{"key":%q,"chainCode":%q,"coin":{"type":60,"network":1},"origin":%s,"children":%s,"parent":"e9181cf3","name":"keystone","note":"account.standard"}`, compressed, chain, pathText, wildText)
	master := urtypes.HDKey{Master: true, Key: unhex("00" + chain), ChainCode: [32]byte(unhex(chain))}
	masterText := fmt.Sprintf(`{"master":true,"key":%q,"chainCode":%q}`, "00"+chain, chain)
	ed := urtypes.HDKey{Key: unhex(chain), Origin: &path}
	edText := fmt.Sprintf(`{"key":%q,"origin":%s}`, chain, pathText)
	ec := urtypes.ECKey{Key: unhex(second)}
	ecText := fmt.Sprintf(`{"ec":%q}`, second)

	var outputs []urtypes.Output
	var outputTexts []string
	for _, f := range []string{"pkh", "wpkh", "sh wpkh", "pk", "combo", ""} {
		names := strings.Fields(f)
		source := "@0"
		for _, n := range slices.Backward(names) {
			source = n + "(" + source + ")"
		}
		list, _ := json.Marshal(append([]string{}, names...))
		outputs = append(outputs, urtypes.Output{Source: source, Keys: []urtypes.Item{key}})
		outputTexts = append(outputTexts, fmt.Sprintf(`{"scripts":%s,"keys":[%s]}`, list, keyText))
	}
	outputs = append(outputs, urtypes.Output{Source: "pkh(@0)", Keys: []urtypes.Item{ec}},
		urtypes.Output{Source: "sh(multi(2,@0,@1))", Keys: []urtypes.Item{ec, ec}},
		urtypes.Output{Source: "wsh(sortedmulti(1,@0,@1,@2))", Keys: []urtypes.Item{key, ec, key}})
	outputTexts = append(outputTexts, fmt.Sprintf(`{"scripts":["pkh"],"keys":[%s]}`, ecText),
		fmt.Sprintf(`{"scripts":["sh","multi"],"threshold":2,"keys":[%s,%s]}`, ecText, ecText),
		fmt.Sprintf(`{"scripts":["wsh","sortedmulti"],"threshold":1,"keys":[%s,%s,%s]}`, keyText, ecText, keyText))

	request := urtypes.EthSignRequest{ID: urtypes.UUID(unhex(uuid)), Data: unhex("02f872"), Type: urtypes.EthTypedTransaction, ChainID: 11155111, Path: path, Address: [20]byte(unhex(address)), Origin: "metamask"}
	requestText := fmt.Sprintf(`{"id":%q,"data":"02f872","kind":4,"chainId":11155111,"path":%s,"address":%q,"origin":"metamask"}`, uuid, pathText, address)
	bare := urtypes.EthSignRequest{Data: unhex("f849"), Type: urtypes.EthTransaction, Path: urtypes.PathOf(0, []uint32{1})}
	bareText := `{"data":"f849","kind":1,"path":{"steps":[[1,false]]}}`
	long := strings.Repeat("ab", 64)
	signature := func(v string) (urtypes.EthSignature, string) {
		return urtypes.EthSignature{ID: urtypes.UUID(unhex(uuid)), Signature: unhex(long + v), Origin: "keystone"},
			fmt.Sprintf(`{"id":%q,"signature":%q,"origin":"keystone"}`, uuid, long+v)
	}
	s1, t1 := signature("1b")
	s2, t2 := signature("0000000153c1acd1"[8:]) // Sepolia's v takes four bytes
	sol := urtypes.SolSignRequest{ID: urtypes.UUID(unhex(uuid)), Data: unhex("01000103"), Path: path, Address: unhex(chain), Origin: "solflare", Type: urtypes.SolMessage}
	solText := fmt.Sprintf(`{"id":%q,"data":"01000103","path":%s,"address":%q,"origin":"solflare","kind":2}`, uuid, pathText, chain)

	all := []pair{
		{"bytes", urtypes.Bytes(unhex("00ff")), `"00ff"`},
		{"crypto-psbt", urtypes.PSBT(unhex("70736274ff")), `"70736274ff"`},
		{"crypto-hdkey", key, keyText}, {"crypto-hdkey", master, masterText}, {"crypto-hdkey", ed, edText},
		{"crypto-account", urtypes.Account{Fingerprint: 0x37b5eed4, Outputs: outputs}, fmt.Sprintf(`{"fingerprint":"37b5eed4","outputs":[%s]}`, strings.Join(outputTexts, ","))},
		{"crypto-multi-accounts", urtypes.MultiAccounts{Fingerprint: 0xe9181cf3, Keys: []urtypes.HDKey{ed, key}, Device: "keystone", DeviceID: "28475c8d", Version: "1.0.0"},
			fmt.Sprintf(`{"fingerprint":"e9181cf3","keys":[%s,%s],"device":"keystone","id":"28475c8d","version":"1.0.0"}`, edText, keyText)},
		{"eth-sign-request", request, requestText}, {"eth-sign-request", bare, bareText},
		{"eth-signature", s1, t1}, {"eth-signature", s2, t2},
		{"eth-batch-sign-request", urtypes.EthBatchSignRequest{request, bare}, "[" + requestText + "," + bareText + "]"},
		{"eth-batch-signature", urtypes.EthBatchSignature{s1, s2}, "[" + t1 + "," + t2 + "]"},
		{"sol-sign-request", sol, solText},
		{"sol-signature", urtypes.SolSignature{ID: urtypes.UUID(unhex(uuid)), Signature: [64]byte(unhex(long))}, fmt.Sprintf(`{"id":%q,"signature":%q}`, uuid, long)},
	}
	for i := range outputs {
		all = append(all, pair{"crypto-output", outputs[i], outputTexts[i]})
	}
	return all
}

// Both say the same in the same bytes, and each reads what the other wrote.
func TestTypes(t *testing.T) {
	o := start(t)
	seen := map[string]bool{}
	for _, p := range pairs() {
		seen[p.kind] = true
		ours, err := urtypes.Encode(p.kind, p.item)
		if err != nil {
			t.Errorf("%s: %v", p.kind, err)
			continue
		}
		var theirs string
		if err := o.Ask(Question{"do": "make", "type": p.kind, "value": json.RawMessage(p.value)}, &theirs); err != nil {
			t.Errorf("%s: %v", p.kind, err)
			continue
		}
		if theirs != hex.EncodeToString(ours) {
			t.Errorf("%s: we write\n%x, and the reference\n%s", p.kind, ours, theirs)
		}
		if item, err := urtypes.Decode(p.kind, unhex(theirs)); err != nil || !reflect.DeepEqual(item, p.item) {
			t.Errorf("%s: we read %+v %v, want %+v", p.kind, item, err, p.item)
		}
		var got, want any
		if err := o.Ask(Question{"do": "read", "type": p.kind, "cbor": hex.EncodeToString(ours)}, &got); err != nil {
			t.Errorf("%s: %v", p.kind, err)
		} else if err := json.Unmarshal([]byte(p.value), &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the reference reads %v, want %v %v", p.kind, got, want, err)
		}
	}
	if len(seen) != 12 {
		t.Errorf("%d types", len(seen))
	}
}

// Whole: from a value of the reference to ours, in frames, and back.
func TestWhole(t *testing.T) {
	o := start(t)
	for _, p := range pairs() {
		var cbor string
		if err := o.Ask(Question{"do": "make", "type": p.kind, "value": json.RawMessage(p.value)}, &cbor); err != nil {
			t.Fatal(err)
		}
		var parts []string
		if err := o.Ask(Question{"do": "frames", "type": p.kind, "cbor": cbor, "max": 40, "first": 0, "count": 200}, &parts); err != nil {
			t.Fatal(err)
		}
		d := ur.NewDecoder(ur.Limits{})
		done := false
		for _, text := range parts {
			got, err := d.Add(text)
			if err != nil {
				t.Fatal(err)
			}
			if got.Message != nil {
				item, err := urtypes.Decode(got.Type, got.Message)
				if done = true; err != nil || !reflect.DeepEqual(item, p.item) {
					t.Errorf("%s: %+v %v", p.kind, item, err)
				}
			}
		}
		if !done {
			t.Errorf("%s: 200 parts are not enough", p.kind)
		}
	}
}

// The reference writes the published items as we do. It knows no taproot: it
// reads the key and drops the script.
func TestPublishedByReference(t *testing.T) {
	o := start(t)
	raw, err := os.ReadFile(filepath.Join("../../testdata/urtypes/keystone.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []struct{ Type, CBOR string }
	if err := json.Unmarshal(raw, &all); err != nil || len(all) < 20 {
		t.Fatalf("%d vectors, %v", len(all), err)
	}
	read := 0
	for _, v := range all {
		item, err := urtypes.Decode(v.Type, unhex(v.CBOR))
		if err != nil {
			t.Fatal(err)
		}
		ours, err := urtypes.Encode(v.Type, item)
		if err != nil {
			t.Fatal(err)
		}
		if v.Type == "crypto-output" && item.(urtypes.Output).Source == "tr(@0)" {
			continue
		}
		var value json.RawMessage
		var theirs string
		if err := o.Ask(Question{"do": "read", "type": v.Type, "cbor": hex.EncodeToString(ours)}, &value); err != nil {
			t.Errorf("%s: %v", v.Type, err)
		}
		if err := o.Ask(Question{"do": "make", "type": v.Type, "value": value}, &theirs); err != nil || theirs != hex.EncodeToString(ours) {
			t.Errorf("%s: %v\nthe reference writes\n%s, and we\n%x", v.Type, err, theirs, ours)
		}
		read++
	}
	if read != len(all)-1 {
		t.Errorf("the reference reads %d of %d", read, len(all))
	}
}
