package kms_test

import (
	"bytes"
	"strings"
	"testing"

	"coldsign/online/internal/kms"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/fault"
)

// goodBCH has two inputs.
const goodBCH = "0200000002a522e36d74014670d908ececf239182897a338c4eb1a177c0b2159305f2d1fff0000000000ffffffff64a527b080c3070ac606ae729437480e6ae47a7c91c2b0592329354fd19c202e0100000000ffffffff02a0252600000000001976a9140fcdfb370432505a95fad099903e94434c4ecd0d88ac50990700000000001976a914830620a2d6ed15ada566e1088dc96a12d78fcec788ac00000000:[1000000,2000000]"

func cash(t testing.TB) chain.Network {
	for _, c := range bitcoin.Chains() {
		if c.Name == "BCH" {
			return c.Networks[0]
		}
	}
	t.Fatal("no BCH")
	return chain.Network{}
}

func TestCashRefusals(t *testing.T) {
	keys := func(n int) (list []chain.PublicKey) {
		for i := range n {
			list = append(list, chaintest.Secp256k1Key(bytes.Repeat([]byte{byte(i + 1)}, 32)))
		}
		return list
	}
	for n, want := range []string{"kms.mismatch", "", "", "kms.mismatch"} { // no key, one for all, one for each, one too many
		payload, err := kms.Native(cash(t), goodBCH, kms.Lookup{Keys: keys(n)})
		if want == "" && err != nil || want != "" && !fault.Is(err, want) || (err == nil) != (payload != nil) {
			t.Errorf("%d keys: %v", n, err)
		}
	}
	raw, list, _ := strings.Cut(goodBCH, ":")
	for record, want := range map[string]string{
		"": "kms.record", ":": "kms.record", raw: "kms.record", raw + ":": "kms.record", ":" + list: "kms.record", goodBTC: "kms.record",
		raw + list: "kms.record", "0x" + goodBCH: "kms.record", "00" + goodBCH: "kms.record", raw + "00:" + list: "kms.record", raw[:200] + ":" + list: "kms.record",
		strings.Replace(goodBCH, "0000000000ffffffff", "000000000151ffffffff", 1): "kms.record", // has a script already
		"02000000000000000000:[]":              "kms.record",
		raw + ":[1000000]":                     "kms.mismatch",
		raw + ":[1000000,2000000,1]":           "kms.mismatch",
		raw + ":{}":                            "kms.mismatch",
		raw + ":null":                          "kms.mismatch",
		raw + `:["1000000",2000000]`:           "kms.record",
		raw + `:[1000000,2000000.5]`:           "kms.record",
		raw + `:[1000000,-1]`:                  "kms.record",
		raw + `:[1000000,2100000000000001]`:    "kms.record",
		raw + `:[1000000,2000000]]`:            "kms.record",
		raw + `: [ 1000000 , 2000000 ]`:        "",
		strings.ToUpper(raw) + ":" + list:      "",
		raw + `:[1000000,2000000]:[1]`:         "kms.record",
		strings.Repeat("00", 100_001) + ":[1]": "kms.record",
	} {
		payload, err := kms.Native(cash(t), record, kms.Lookup{Keys: keys(2)})
		if want == "" && err != nil || want != "" && !fault.Is(err, want) || (err == nil) != (payload != nil) {
			t.Errorf("%.60s...%s: %v", record, record[max(0, len(record)-30):], err)
		}
	}
}
