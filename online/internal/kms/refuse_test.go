package kms_test

import (
	"os"
	"strings"
	"testing"

	"coldsign/online/internal/kms"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/chain/evm"
	"coldsign/shared/chain/solana"
	"coldsign/shared/fault"
)

const goodBTC = `{"hash":"96797e91bf1978b689959805427f987624e8f75779479c8891ef136f1db75a32","version":2,"inputs":[{"prevTxId":"909c9b86c4002c0a5f79dd7d26a3f3e6bae28faa9c978c096745ad38a864b0ac","outputIndex":1,"sequenceNumber":4294967295,"script":"","scriptString":"","output":{"satoshis":1000000,"script":"a91491412e61355cc1316a17ae36d92380b34bba9be087"}}],"outputs":[{"satoshis":400000,"script":"76a914a33060f209f063d952d5ad461ab49528e24b761888ac"},{"satoshis":598000,"script":"a91491412e61355cc1316a17ae36d92380b34bba9be087"}],"nLockTime":0,"changeScript":"OP_HASH160 20 0x91412e61355cc1316a17ae36d92380b34bba9be0 OP_EQUAL","changeIndex":1,"fee":2000}`

const goodETH = `{"from":0,"to":"0x000000000000000000000000000000000000dead","value":"1","data":"0x","nonce":0,"gasPrice":"25000000000","gas":"21000","chainId":1}`

const goodSOL = `{"txData":"010001039923c6cc3c911d749249861a9a14d7ac812015ec1c85d405cfea9b2b2e337a577e8c088760bfde1dddcf32c17f209b8242ee52aaf131facd88d0ea2c6d0b06f2000000000000000000000000000000000000000000000000000000000000000061d38e0da20dc5900b7e902c918eae6a95e2d90af154b53a422f4ab26b050f4f01020200010c020000000065cd1d00000000"}`

func TestRefusals(t *testing.T) {
	tests := []struct{ chain, old, new, code string }{ // one change to a good record
		{"BTC", `"hash":"96`, `"hash":"97`, "kms.mismatch"},
		{"BTC", `"hash":"96797e91bf1978b689959805427f987624e8f75779479c8891ef136f1db75a32",`, ``, ""}, // no hash, no check
		{"BTC", `"hash":"96`, `"hash":"`, "kms.record"},
		{"BTC", `"fee":2000`, `"fee":2001`, "kms.mismatch"},
		{"BTC", `,"fee":2000`, ``, ""},
		{"BTC", `"fee":2000`, `"fee":null`, ""},
		{"BTC", `"changeIndex":1`, `"changeIndex":2`, "kms.mismatch"},
		{"BTC", `"changeScript":"`, `"changeScript":7,"x":"`, "kms.record"},
		{"BTC", `"nLockTime":0,`, ``, "kms.incomplete"},
		{"BTC", `"nLockTime":0`, `"nLockTime":1`, "kms.mismatch"}, // another hash
		{"BTC", `"version":2`, `"version":1`, "kms.mismatch"},
		{"BTC", `"version":2`, `"version":2.0`, "kms.record"},
		{"BTC", `"version":2`, `"version":"2"`, "kms.record"},
		{"BTC", `"version":2`, `"Version":2`, "kms.record"},
		{"BTC", `"version":2`, `"version":2,"version":2`, "kms.record"},
		{"BTC", `"satoshis":1000000`, `"satoshis":1000000.0`, "kms.record"},
		{"BTC", `"satoshis":1000000`, `"satoshis":1e6`, "kms.record"},
		{"BTC", `"satoshis":1000000`, `"satoshis":"1000000"`, "kms.record"},
		{"BTC", `"satoshis":1000000`, `"satoshis":-1`, "kms.record"},
		{"BTC", `"satoshis":1000000`, `"satoshis":2100000000000001`, "kms.record"},
		{"BTC", `"satoshis":1000000`, `"satoshis":997999`, "kms.mismatch"},
		{"BTC", `"sequenceNumber":4294967295`, `"sequenceNumber":4294967296`, "kms.record"},
		{"BTC", `"outputIndex":1`, `"outputIndex":2`, "kms.mismatch"},
		{"BTC", `"outputIndex":1,`, ``, "kms.record"},
		{"BTC", `"script":"","scriptString":""`, `"script":"00","scriptString":""`, "kms.record"}, // signed already
		{"BTC", `"script":"","scriptString":""`, `"script":null`, ""},
		{"BTC", `"script":"a914`, `"script":"A9zz`, "kms.record"},
		{"BTC", `"inputs":[`, `"inputs":[0,`, "kms.record"},
		{"BTC", `"nLockTime":0`, `"nLockTime":0,"publicKeys":[]`, "kms.record"},
		{"ETH", `"chainId":1`, `"chainId":5`, "kms.mismatch"},
		{"ETH", `"chainId":1`, `"chainId":"0x1"`, ""},
		{"ETH", `,"chainId":1`, ``, ""},
		{"ETH", `"nonce":0,`, ``, "kms.incomplete"},
		{"ETH", `"nonce":0`, `"nonce":"0x0"`, ""},
		{"ETH", `"nonce":0`, `"nonce":"0"`, ""},
		{"ETH", `"nonce":0`, `"nonce":""`, "kms.record"},
		{"ETH", `"nonce":0`, `"nonce":0.0`, "kms.record"},
		{"ETH", `"nonce":0`, `"nonce":"18446744073709551616"`, "kms.record"},
		{"ETH", `"gas":"21000"`, `"gas":"21000","gasLimit":21000`, ""},
		{"ETH", `"gas":"21000"`, `"gas":"21000","gasLimit":21001`, "kms.mismatch"},
		{"ETH", `"gas":"21000"`, `"gasLimit":"0x5208"`, ""},
		{"ETH", `"gas":"21000"`, `"gas":null`, "kms.incomplete"},
		{"ETH", `"gasPrice":"25000000000"`, `"gasPrice":"25 gwei"`, "kms.record"},
		{"ETH", `"gasPrice":"25000000000"`, `"maxFeePerGas":"25000000000"`, "kms.incomplete"},
		{"ETH", `"gasPrice":"25000000000"`, `"gasPrice":"1","maxFeePerGas":"1","maxPriorityFeePerGas":"1"`, "kms.mismatch"},
		{"ETH", `"gasPrice":"25000000000"`, `"gasPrice":"1","type":"0x2"`, "kms.incomplete,kms.mismatch"},
		{"ETH", `"gasPrice":"25000000000"`, `"gasPrice":"1","type":"0x1"`, ""},
		{"ETH", `"gasPrice":"25000000000"`, `"gasPrice":"1","type":3`, "kms.record"},
		{"ETH", `"gasPrice":"25000000000"`, `"gasPrice":"1","type":0,"accessList":[]`, "kms.mismatch"},
		{"ETH", `"gasPrice":"25000000000"`, `"gasPrice":"1","accessList":[{"address":"0x000000000000000000000000000000000000dead"}]`, "kms.record"},
		{"ETH", `"gasPrice":"25000000000"`, `"gasPrice":"1","accessList":{}`, "kms.record"},
		{"ETH", `"value":"1"`, `"value":9007199254740993`, "kms.record"},
		{"ETH", `"value":"1"`, `"value":"1e18"`, "kms.record"},
		{"ETH", `"value":"1",`, ``, ""}, // as for a token: no value is 0
		{"ETH", `"to":"0x000000000000000000000000000000000000dead"`, `"to":"0x00dead"`, "kms.record"},
		{"ETH", `"to":"0x000000000000000000000000000000000000dead"`, `"to":"0x000000000000000000000000000000000000DEad"`, "kms.record"},
		{"ETH", `"to":"0x000000000000000000000000000000000000dead"`, `"to":""`, "kms.record"},
		{"ETH", `"to":"0x000000000000000000000000000000000000dead","value":"1","data":"0x"`, `"value":"1"`, "kms.incomplete"},
		{"ETH", `"data":"0x"`, `"data":"00"`, "kms.record"},
		{"ETH", `"data":"0x"`, `"data":"0x0"`, "kms.record"},
		{"ETH", `"data":"0x"`, `"input":"0x"`, "kms.record"},
		{"ETH", `"from":0`, `"from":1`, "kms.record"},
		{"ETH", `"from":0`, `"from":"0x000000000000000000000000000000000000dead"`, "kms.mismatch"},
		{"ETH", `"from":0,`, ``, ""},
		{"SOL", `"txData":"01`, `"txData":"0x01`, "kms.record"},
		{"SOL", `"txData":"01`, `"txData":"`, "solana.message,solana.header,solana.accounts"},
		{"SOL", `"txData"`, `"txdata"`, "kms.record"},
		{"SOL", `}`, `,"mintPK":"00"}`, "kms.private-key"},
		{"SOL", `}`, `,"mintPK":null}`, ""},
		{"SOL", `00000000"}`, `00000000ff"}`, "solana.message"},
		{"DOGE", ``, ``, "kms.chain"},
	}
	good := map[string]string{"BTC": goodBTC, "ETH": goodETH, "SOL": goodSOL}
	nets := map[string]chain.Network{"BTC": bitcoin.NetworkTable()[0], "ETH": evm.NetworkTable()[0], "SOL": solana.NetworkTable()[0], "DOGE": {ID: "doge:x", Chain: "DOGE"}}
	for name, record := range good {
		if _, err := kms.Native(nets[name], record, kms.Lookup{}); err != nil {
			t.Fatalf("the good %s record is refused: %v", name, err)
		}
		for _, broken := range []string{"", "null", "[]", `"x"`, "{", record + "{}", "\ufeff" + record, `{}`, strings.Repeat(" ", 8<<20) + record} {
			if _, err := kms.Native(nets[name], broken, kms.Lookup{}); !fault.Is(err, "kms.record") && !fault.Is(err, "kms.incomplete") {
				t.Errorf("%s %.40q: %v", name, broken, err)
			}
		}
	}
	for _, tt := range tests {
		record := good[tt.chain]
		if !strings.Contains(record, tt.old) {
			t.Fatalf("%s has no %s", tt.chain, tt.old)
		}
		payload, err := kms.Native(nets[tt.chain], strings.Replace(record, tt.old, tt.new, 1), kms.Lookup{})
		switch {
		case tt.code == "" && err != nil:
			t.Errorf("%s %s: %v", tt.chain, tt.new, err)
		case tt.code != "" && (err == nil || !strings.Contains(","+tt.code+",", ","+fault.Code(err)+",")):
			t.Errorf("%s %s: want %s, got %v (%s)", tt.chain, tt.new, tt.code, err, fault.Code(err))
		case err != nil && payload != nil:
			t.Errorf("%s %s: refused with a payload", tt.chain, tt.new)
		}
	}
}

// TestIncompleteNamesEverything: one answer, not one at a time.
func TestIncompleteNamesEverything(t *testing.T) {
	_, err := kms.Native(evm.NetworkTable()[0], `{"from":0}`, kms.Lookup{})
	for _, name := range []string{"nonce", "gas", "gasPrice", "to"} {
		if !fault.Is(err, "kms.incomplete") || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}

// FuzzNative: no record makes it panic, and a payload comes without an error or
// not at all.
func FuzzNative(f *testing.F) {
	files, err := os.ReadDir("../../../testdata/tatum")
	if err != nil || len(files) < 3 {
		f.Fatal("no seeds", err)
	}
	nets := []chain.Network{bitcoin.NetworkTable()[0], evm.NetworkTable()[0], solana.NetworkTable()[0], cash(f)}
	for i, s := range []string{goodBTC, goodETH, goodSOL, goodBCH} {
		f.Add(uint8(i), s)
	}
	look := kms.Lookup{Keys: []chain.PublicKey{chaintest.Secp256k1Key([]byte{1})}}
	f.Fuzz(func(t *testing.T, which uint8, s string) {
		payload, err := kms.Native(nets[int(which)%len(nets)], s, look)
		if (err == nil) != (len(payload) > 0) {
			t.Fatalf("payload %x with error %v", payload, err)
		}
	})
}
