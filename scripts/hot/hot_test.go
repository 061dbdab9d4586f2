// Package hot holds tests of the online half as the server of a hot signer: a
// stand-in that asks and signs as tatum-kms 8.0.1 does, and real nodes.
package hot

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gagliardetto/solana-go/base58"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
	"coldsign/scripts/rig"
	"coldsign/scripts/tatum"
)

// Wallets of testdata/migrate/testnet.dat, as that file gives their keys.
const (
	btcWallet = "7482abd3-acd6-4bc0-8830-4c81edfae942"
	ethWallet = "0f105a47-7d9b-434e-8d7e-3af2c57a8c7e"
	solWallet = "b1063ea5-c08d-4930-8916-ed9bc11e489d"

	btcAddress = "n118YqfT1hk8uvXcqcy4fwLDfVQfJpQTaS"
	ethAddress = "0x22310Bf73bC88ae2D2c9a29Bd87bC38FBAc9e6b0"
	solAddress = "BJo25z6yW1fZPofStPeA4KXRJrKoKtmdqkFxXU6yG2oG"

	// dummy stands in the SDK's records for a blockhash.
	dummy = "7WyEshBZcZwEbJsvSeGgCkSNMxxxFAym3x7Cuj6UjAUE"
)

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T { t.Helper(); ok(t, err); return v }
}

// world is an installation with the wallets of a daemon, and three nodes.
type world struct {
	*halves.Halves
	btc  *fund.Bitcoin
	eth  *fund.EVM
	sol  *fund.Solana
	key  string                                 // of the daemon
	keys map[string]struct{ PrivateKey string } // of its wallet.dat, by signature id
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	w := &world{Halves: &halves.Halves{Dir: t.TempDir()}}
	nodes := []*rig.Node{rig.Btcd(t), rig.Anvil(t), rig.Solana(t)}
	w.Programs = must(halves.BuildQuick(ctx, t.TempDir()))(t)
	w.btc = must(fund.NewBitcoin(nodes[0].URL, nodes[0].User, nodes[0].Password))(t)
	t.Cleanup(w.btc.Close)
	w.eth = must(fund.NewEVM(ctx, nodes[1].URL))(t)
	w.sol = must(fund.NewSolana(ctx, nodes[2].URL))(t)
	ok(t, w.Init(ctx))
	dat := filepath.Join(must(rig.Root())(t), "testdata", "migrate")
	must(w.Offline(ctx, "wallet", "import", "--tatum", filepath.Join(dat, "testnet.dat"), "--tatum-passphrase-file", filepath.Join(dat, "passphrase"), "--partial"))(t)
	ok(t, w.ShareKeys(ctx))
	ok(t, json.Unmarshal(readFile(t, filepath.Join(dat, "testnet.json")), &w.keys))
	ok(t, w.Configure(ctx,
		halves.Network{Chain: "BTC", Name: "regtest", RPC: nodes[0].URL, User: nodes[0].User, Password: nodes[0].Password, Confirmations: 2},
		halves.Network{Chain: "ETH", Name: "local", RPC: nodes[1].URL, Confirmations: 2},
		halves.Network{Chain: "SOL", Name: "localnet", RPC: nodes[2].URL, Confirmations: 32}))
	var made struct{ Key string }
	ok(t, halves.Read(&made)(w.Online(ctx, "apikey", "create", "--name", "daemon", "--scope", "read,sign", "--tenant", "default", "--json")))
	w.key = made.Key
	ok(t, w.eth.Fund(ctx, new(big.Int).Mul(big.NewInt(10), big.NewInt(1e18)), ethAddress))
	ok(t, w.sol.Fund(ctx, 10_000_000_000, solAddress))
	ok(t, w.Serve(ctx))
	t.Cleanup(w.Kill)
	return w
}

// submit makes a pending payment of a record.
func (w *world) submit(t *testing.T, chain, wallet, record string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"chain": chain, "hashes": []string{wallet}, "serializedTransaction": record})
	ok(t, err)
	var row halves.Row
	ok(t, w.Call(t.Context(), "POST", "/v1/transactions", body, &row))
	return row.ID
}

func (w *world) submitBitcoin(t *testing.T) string {
	t.Helper()
	coin := must(w.btc.Fund(1_000_000, btcAddress))(t)[0]
	script := coin.Tx.TxOut[coin.Index].PkScript
	to := must(fund.Script(must(fund.NewBitcoinAddress())(t)))(t)
	return w.submit(t, "BTC", btcWallet, must(tatum.Bitcoin([]tatum.Coin{{TxID: coin.Tx.TxHash().String(), Index: coin.Index, Satoshi: 1_000_000, Script: script}},
		[]tatum.Pay{{Satoshi: 400_000, Script: to}, {Satoshi: 599_000, Script: script}}))(t))
}

func (w *world) submitEthereum(t *testing.T, nonce string) string {
	t.Helper()
	return w.submit(t, "ETH", ethWallet, fmt.Sprintf(`{"from":0,"to":"0x000000000000000000000000000000000000dead","value":"1000000000000000","gasPrice":"25000000000","gas":"21000","nonce":%s}`, nonce))
}

func (w *world) submitSolana(t *testing.T) string {
	t.Helper()
	text := must(w.sol.Message(t.Context(), fund.Transfer{From: solAddress, To: fund.NewSolanaAddress(), Amount: 5_000_000}))(t)
	message := must(base64.StdEncoding.DecodeString(text))(t)
	// A legacy message: three counts, the number of keys, the keys, the blockhash.
	at := 4 + 32*int(message[3])
	copy(message[at:], must(base58.Decode(dummy))(t))
	return w.submit(t, "SOL", solWallet, `{"txData":"`+hex.EncodeToString(message)+`"}`)
}

// call asks the server as the daemon does.
func (w *world) call(t *testing.T, method, path string, body any) (status int, text []byte) {
	t.Helper()
	b, err := json.Marshal(body)
	ok(t, err)
	q, err := http.NewRequestWithContext(t.Context(), method, w.URL()+strings.ReplaceAll(path, "{apiKey}", w.key), bytes.NewReader(b))
	ok(t, err)
	q.Header.Set("Content-Type", "application/json;charset=utf-8")
	if !strings.Contains(path, "{apiKey}") {
		q.Header.Set("x-api-key", w.key)
	}
	q.Header.Set("x-ttm-kms-client-version", "8.0.1")
	a, err := http.DefaultClient.Do(q)
	ok(t, err)
	defer a.Body.Close()
	text, err = io.ReadAll(a.Body)
	ok(t, err)
	return a.StatusCode, text
}

// rpc asks the node through the server.
func (w *world) rpc(t *testing.T, path, method string, into any, params ...any) {
	t.Helper()
	if params == nil {
		params = []any{}
	}
	_, text := w.call(t, "POST", path, map[string]any{"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
	answer := struct {
		Result any
		Error  any
	}{Result: into}
	ok(t, json.Unmarshal(text, &answer))
	if answer.Error != nil {
		t.Fatalf("%s: %s", method, text)
	}
}

// record is what the poll gives.
type record struct {
	ID, Chain, SerializedTransaction string
	Hashes                           []string
}

// round is one of the daemon's: it polls, signs all, and hands in. It gives the
// answers by row.
func (w *world) round(t *testing.T) map[string]string {
	t.Helper()
	answers := map[string]string{}
	for chain, wallet := range map[string]string{"BTC": btcWallet, "ETH": ethWallet, "SOL": solWallet} {
		_, text := w.call(t, "POST", "/v3/kms/pending/"+chain, map[string]any{"signatureIds": []string{wallet}})
		var list []record
		ok(t, json.Unmarshal(text, &list))
		for _, r := range list {
			path, data := map[string]string{"BTC": "bitcoin", "ETH": "ethereum", "SOL": "solana"}[chain], ""
			switch chain {
			case "BTC":
				data = w.signBitcoin(t, r)
			case "ETH":
				data = w.signEthereum(t, r)
			default:
				data = w.sendSolana(t, r)
			}
			status, text := w.call(t, "POST", "/v3/"+path+"/broadcast", map[string]string{"txData": data, "signatureId": r.ID})
			if answers[r.ID] = string(text); status != 200 {
				t.Logf("%s: %d %s", chain, status, text)
			}
		}
	}
	return answers
}

// signBitcoin signs P2PKH inputs, as bitcore does.
func (w *world) signBitcoin(t *testing.T, r record) string {
	t.Helper()
	var in struct {
		Inputs []struct {
			PrevTxID    string
			OutputIndex uint32
			Output      struct{ Script string }
		}
		Outputs []struct {
			Satoshis int64
			Script   string
		}
	}
	ok(t, json.Unmarshal([]byte(r.SerializedTransaction), &in))
	wif := must(btcutil.DecodeWIF(w.keys[r.Hashes[0]].PrivateKey))(t)
	key, _ := btcec.PrivKeyFromBytes(wif.PrivKey.Serialize())
	tx := wire.NewMsgTx(2)
	for _, i := range in.Inputs {
		tx.AddTxIn(wire.NewTxIn(wire.NewOutPoint(must(chainhash.NewHashFromStr(i.PrevTxID))(t), i.OutputIndex), nil, nil))
	}
	for _, o := range in.Outputs {
		tx.AddTxOut(wire.NewTxOut(o.Satoshis, must(hex.DecodeString(o.Script))(t)))
	}
	for n, i := range in.Inputs {
		tx.TxIn[n].SignatureScript = must(txscript.SignatureScript(tx, n, must(hex.DecodeString(i.Output.Script))(t), txscript.SigHashAll, key, true))(t)
	}
	var b bytes.Buffer
	ok(t, tx.Serialize(&b))
	return hex.EncodeToString(b.Bytes())
}

// signEthereum asks for the chain id, and for a nonce where the record's is the
// number 0, as web3 does.
func (w *world) signEthereum(t *testing.T, r record) string {
	t.Helper()
	var in struct {
		To, Value, GasPrice, Gas string
		Nonce                    uint64
	}
	ok(t, json.Unmarshal([]byte(r.SerializedTransaction), &in))
	var id hexutil.Big
	w.rpc(t, "/v3/ethereum/web3/{apiKey}", "eth_chainId", &id)
	if in.Nonce == 0 {
		_, text := w.call(t, "GET", "/v3/ethereum/transaction/count/"+ethAddress, nil)
		ok(t, json.Unmarshal(text, &in.Nonce))
	}
	number := func(s string) *big.Int { n, _ := new(big.Int).SetString(s, 10); return n }
	to := common.HexToAddress(in.To)
	key := must(crypto.HexToECDSA(strings.TrimPrefix(w.keys[r.Hashes[0]].PrivateKey, "0x")))(t)
	tx := must(types.SignNewTx(key, types.NewEIP155Signer(id.ToInt()), &types.LegacyTx{Nonce: in.Nonce, GasPrice: number(in.GasPrice), Gas: number(in.Gas).Uint64(), To: &to, Value: number(in.Value)}))(t)
	return hexutil.Encode(must(tx.MarshalBinary())(t))
}

// sendSolana puts in a blockhash of its own, sends, and waits until it is seen.
func (w *world) sendSolana(t *testing.T, r record) string {
	t.Helper()
	const path = "/v3/blockchain/node/SOL/{apiKey}"
	var in struct{ TxData string }
	ok(t, json.Unmarshal([]byte(r.SerializedTransaction), &in))
	message := must(hex.DecodeString(in.TxData))(t)
	var latest struct{ Value struct{ Blockhash string } }
	w.rpc(t, path, "getLatestBlockhash", &latest, map[string]string{"commitment": "finalized"})
	copy(message[4+32*int(message[3]):], must(base58.Decode(latest.Value.Blockhash))(t))
	key := ed25519.PrivateKey(must(base58.Decode(w.keys[r.Hashes[0]].PrivateKey))(t))
	raw := append(append([]byte{1}, ed25519.Sign(key, message)...), message...)
	var id string
	w.rpc(t, path, "sendTransaction", &id, base64.StdEncoding.EncodeToString(raw), map[string]string{"encoding": "base64", "preflightCommitment": "confirmed"})
	var seen struct{ Transaction struct{ Signatures []string } }
	w.rpc(t, path, "getTransaction", &seen, id, map[string]string{"commitment": "confirmed"})
	if len(seen.Transaction.Signatures) != 1 || seen.Transaction.Signatures[0] != id {
		t.Fatalf("the node shows %v, not %s", seen, id)
	}
	return id
}
