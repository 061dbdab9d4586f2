package intake_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/chaintest"
)

const cashID, cashTest = "66666666-6666-4666-8666-666666666666", "bip122:00000000000e38fef93ed9582a7df438"

// TestCash: a record of Bitcoin Cash with two inputs of one key, and the PSBT that it
// became, are taken, reserve their outpoints, and are what the key signs.
func TestCash(t *testing.T) {
	in := fixture(t)
	var bch chain.Chain
	for _, c := range bitcoin.Chains() {
		if c.Name == "BCH" {
			bch = c
		}
	}
	in.Networks = append(in.Networks, cashTest)
	w := account(t, cashID, "BCH", true, bch.Wallet)
	in.Wallets.(wallets)[w.SignatureID] = pending.Wallet{Wallet: w}
	const record = "020000000245d5ec6ef8c03bee2d1c1f6b0a4b35b00beaec7e782eb3594c12e427feb260160000000000ffffffffabedb7504917b78a5297930a9eec133fde922de4a24d3c0f873338a358627b550100000000ffffffff02a0252600000000001976a9140fcdfb370432505a95fad099903e94434c4ecd0d88ac50990700000000001976a914830620a2d6ed15ada566e1088dc96a12d78fcec788ac00000000:[1000000,2000000]"
	s := intake.Submission{Chain: "BCH", Network: "bch-testnet", Hashes: []string{cashID, cashID}, SerializedTransaction: record}
	row, r, review := accept(t, in, s)
	outpoints := []string{"utxo:1660b2fe27e4124c59b32e787eecea0bb0354b0a6b1f1c2dee3bc0f86eecd545:0", "utxo:557b6258a33833870f3c4da2e42d92de3f13ec9e0a9397528ab7174950b7edab:1"}
	reserves(t, row, outpoints...)
	if !strings.Contains(review.Text(), "bchtest:") || review.Fee.Amount.Int64() != 2_000 || !review.Unproven || row.Serialized != record {
		t.Errorf("%s", review.Text())
	}
	secret := derive(t, bch.Wallet.Derivation().Path(true, 0))
	key := secret.Public().Key()
	if len(r.Keys) != 1 || string(r.Keys[0].Key) != string(key.Bytes()) || !r.Keys[0].Sign {
		t.Fatalf("keys %v", r.Keys)
	}
	u, err := r.Unsigned()
	if err != nil {
		t.Fatal(err)
	}
	tx, err := bch.Codec.Decode(u)
	if err != nil {
		t.Fatal(err)
	}
	var sigs []chain.Signature
	for _, q := range tx.ToSign() {
		sigs = append(sigs, chaintest.Signer(map[chain.PublicKey][]byte{key: secret.Secret()})(q))
	}
	if sealed, err := tx.Seal(sigs); err != nil || len(sealed.Raw) == 0 || len(sigs) != 2 {
		t.Errorf("%d signatures, %v", len(sigs), err)
	}
	native := intake.Submission{Chain: "BCH", Network: "bch-testnet", Hashes: []string{cashID}, Transaction: text(base64.StdEncoding.EncodeToString(r.Payload))}
	again, r2, _ := accept(t, in, native)
	reserves(t, again, outpoints...)
	if string(r2.Payload) != string(r.Payload) {
		t.Error("another payload")
	}
	// The PSBT is none of Bitcoin, and one of Bitcoin is none of Bitcoin Cash.
	native.Chain, native.Network, native.Hashes = "BTC", "regtest", []string{btcID}
	native.Index = u32(0)
	refused(t, in, native, "transaction", "psbt.signers")
	path := bitcoin.Wallet{}.Derivation().Path(true, 0)
	btc := derive(t, path).Public().Key()
	refused(t, in, intake.Submission{Chain: "BCH", Network: "bch-testnet", Hashes: []string{cashID}, Transaction: psbt(t, btc, btc)}, "transaction", "psbt.signers")
	refused(t, in, intake.Submission{Chain: "BCH", Network: "bch-testnet", Hashes: []string{cashID, btcID}, SerializedTransaction: record}, "hashes", "wallet.network")
}
