package kms_test

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"coldsign/online/internal/kms"
	"coldsign/shared/chain"
	"coldsign/shared/chain/evm"
	"coldsign/shared/fault"
)

// kinOf finds a chain of the family and its network of the vectors.
func kinOf(t *testing.T, name string, testnet bool) (chain.Chain, chain.Network) {
	t.Helper()
	for _, c := range evm.Chains() {
		if c.Name != name {
			continue
		}
		for _, n := range c.Networks {
			if n.Testnet == testnet {
				return c, n
			}
		}
	}
	t.Fatalf("no chain %s", name)
	return chain.Chain{}, chain.Network{}
}

// freeze puts into a record what the network told the daemon, where the record says
// nothing: what the online half does before a request is made.
func freeze(t *testing.T, v vector) string {
	t.Helper()
	var record map[string]json.RawMessage
	if err := json.Unmarshal([]byte(v.Pending.SerializedTransaction), &record); err != nil {
		t.Fatal(err)
	}
	put := func(name string, value json.RawMessage) {
		if record[name] == nil {
			record[name] = value
		}
	}
	for _, l := range v.NetworkLookups {
		var answer struct{ Result json.RawMessage }
		if json.Unmarshal(l.Response, &answer) != nil {
			put("nonce", l.Response) // of /transaction/count, a bare number
			continue
		}
		switch {
		case strings.HasSuffix(l.Body.Method, "estimateGas"):
			put("gas", answer.Result)
		case strings.HasSuffix(l.Body.Method, "getTransactionCount"):
			put("nonce", answer.Result)
		case strings.HasSuffix(strings.ToLower(l.Body.Method), "chainid"):
			put("chainId", answer.Result)
		default:
			t.Fatalf("look-up %s", l.Body.Method)
		}
	}
	whole, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	return string(whole)
}

// TestKinRecordsBecomeWhatTheDaemonSent: every record of the chains that work as
// Ethereum does, frozen with what the network told the daemon, becomes its bytes.
func TestKinRecordsBecomeWhatTheDaemonSent(t *testing.T) {
	compared := 0
	for _, name := range []string{"BSC", "MATIC", "KLAY", "XDC", "ONE", "KCS"} {
		for _, v := range load(t, strings.ToLower(name)).Cases {
			t.Run(name+"/"+v.Network+"/"+v.Name, func(t *testing.T) {
				c, n := kinOf(t, name, v.Network == "testnet")
				secrets, list := keys(t, v, c.Wallet)
				_, err := kms.Native(n, v.Pending.SerializedTransaction, kms.Lookup{Keys: list})
				whole := strings.Contains(v.Pending.SerializedTransaction, `"nonce"`) && strings.Contains(v.Pending.SerializedTransaction, `"gas"`)
				if (err == nil) != whole || !whole && !fault.Is(err, "kms.incomplete") {
					t.Errorf("as it is: %v", err)
				}
				payload, err := kms.Native(n, freeze(t, v), kms.Lookup{Keys: list})
				if err != nil {
					t.Fatal(err)
				}
				_, sealed := seal(t, c.Codec, chain.Unsigned{Network: n.ID, Signers: list[:1], Payload: payload}, secrets)
				if got := "0x" + hex.EncodeToString(sealed.Raw); got != v.Expected.TxData || sealed.TxID != v.Expected.TxID {
					t.Errorf("got %s %s\nwant %s %s", sealed.TxID, got, v.Expected.TxID, v.Expected.TxData)
				}
				compared++
			})
		}
	}
	if compared < 30 {
		t.Errorf("only %d cases were compared", compared)
	}
}

// TestCeloRecords: what the daemon signs for Celo its network takes no more. Ours
// is EIP-1559, or CIP-64 where the record names a fee currency, with the same
// destination, amount, nonce and most that it can cost.
func TestCeloRecords(t *testing.T) {
	typed := map[byte]int{}
	for _, v := range load(t, "celo").Cases {
		t.Run(v.Network+"/"+v.Name, func(t *testing.T) {
			c, n := kinOf(t, "CELO", v.Network == "testnet")
			secrets, list := keys(t, v, c.Wallet)
			payload, err := kms.Native(n, v.Pending.SerializedTransaction, kms.Lookup{Keys: list})
			if v.Name == "native-nothing-set" {
				if !fault.Is(err, "kms.incomplete") || !strings.Contains(err.Error(), "nonce, gas, gasPrice") {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			tx, sealed := seal(t, c.Codec, chain.Unsigned{Network: n.ID, Signers: list[:1], Payload: payload}, secrets)
			typed[sealed.Raw[0]]++
			r := tx.Review()
			currency := strings.Contains(v.Pending.SerializedTransaction, "feeCurrency")
			if currency != (sealed.Raw[0] == evm.FeeCurrency) || currency != (r.Fee.Asset.ID != string(n.ID)) {
				t.Errorf("type %#x, fee in %s", sealed.Raw[0], r.Fee.Asset.ID)
			}
			// 150,000 gas at 25 gwei, in the record and in ours.
			if r.Fee.Amount.String() != "3750000000000000" {
				t.Errorf("it may cost %s", r.Fee.Amount)
			}
			// The daemon's own bytes are refused with the reason, signed or not.
			old, err := hex.DecodeString(strings.TrimPrefix(v.Expected.TxData, "0x"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Codec.Decode(chain.Unsigned{Network: n.ID, Signers: list[:1], Payload: old}); !fault.Is(err, "evm.retired") {
				t.Errorf("the retired type: %v", err)
			}
		})
	}
	if typed[evm.Dynamic] == 0 || typed[evm.FeeCurrency] == 0 {
		t.Errorf("types %v", typed)
	}
}

// TestSpellings: each chain's own way to write an address is read in its records,
// and no other chain's.
func TestSpellings(t *testing.T) {
	const hexadecimal, xdc, one = "0x7c41e0668b551f4f902cfaec05b5bdca68b124ce", "xdc7c41e0668b551f4f902cfaec05b5bdca68b124ce", "one103q7qe5t2505lypvltkqtddaef5tzfxwsse4z7"
	for name, texts := range map[string]map[string]bool{
		"XDC": {hexadecimal: true, xdc: true, one: false, xdc[:10]: false, "XDC" + xdc[3:]: false},
		"ONE": {hexadecimal: true, one: true, xdc: false, one[:40]: false, strings.ToUpper(one): false, one[:41] + "8": false},
		"ETH": {hexadecimal: true, one: false, xdc: false},
	} {
		_, n := kinOf(t, name, false)
		for text, ok := range texts {
			record := `{"to":"` + text + `","value":"1","nonce":0,"gasPrice":"1","gas":"21000"}`
			if _, err := kms.Native(n, record, kms.Lookup{}); (err == nil) != ok {
				t.Errorf("%s on %s: %v", text, name, err)
			}
		}
	}
}
