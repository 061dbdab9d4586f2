package fund

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/psbt/v2"
	"github.com/btcsuite/btcd/rpcclient"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

const (
	feeRate = 2   // satoshi per virtual byte
	dust    = 546 // satoshi: no node relays a smaller P2PKH output, other kinds have less
)

// Bitcoin is a regtest node and the faucet that the private key 1 is: its P2WPKH
// address gets the coinbases.
type Bitcoin struct {
	rpc    *rpcclient.Client
	key    *btcec.PrivateKey
	script []byte // of the faucet
	spare  Coin   // what the faucet spends next
}

// Coin is an output that can be spent, with the transaction that proves it.
type Coin struct {
	Tx    *wire.MsgTx
	Index uint32
}

// Value is in satoshi.
func (c Coin) Value() int64 { return c.Tx.TxOut[c.Index].Value }

// Outpoint names the output.
func (c Coin) Outpoint() wire.OutPoint {
	return wire.OutPoint{Hash: c.Tx.TxHash(), Index: c.Index}
}

// NewBitcoin connects to a node of scripts/nodes, which has mined its blocks.
func NewBitcoin(url, user, password string) (*Bitcoin, error) {
	client, err := rpcclient.New(&rpcclient.ConnConfig{
		Host: strings.TrimPrefix(url, "http://"), User: user, Pass: password,
		HTTPPostMode: true, DisableTLS: true, Params: chaincfg.RegressionNetParams.Name,
	}, nil)
	if err != nil {
		return nil, err
	}
	b := &Bitcoin{rpc: client}
	b.key, _ = btcec.PrivKeyFromBytes(append(make([]byte, 31), 1))
	home, err := address.NewAddressWitnessPubKeyHash(address.Hash160(b.key.PubKey().SerializeCompressed()), &chaincfg.RegressionNetParams)
	if err != nil {
		return nil, err
	}
	if b.script, err = txscript.PayToAddrScript(home); err != nil {
		return nil, err
	}
	if err := b.Take(1); err != nil {
		return nil, err
	}
	return b, nil
}

// Take has the faucet spend the reward of the block at the height next.
func (b *Bitcoin) Take(height int64) error {
	hash, err := b.rpc.GetBlockHash(height)
	if err != nil {
		return err
	}
	block, err := b.rpc.GetBlock(hash)
	if err != nil {
		return err
	}
	b.spare = Coin{Tx: block.Transactions[0]}
	return nil
}

// Close ends the connection.
func (b *Bitcoin) Close() { b.rpc.Shutdown() }

// Mine makes blocks.
func (b *Bitcoin) Mine(blocks uint32) error {
	_, err := b.rpc.Generate(blocks)
	return err
}

// Send gives the node a transaction, and mines it.
func (b *Bitcoin) Send(tx *wire.MsgTx) error {
	if _, err := b.rpc.SendRawTransaction(tx, false); err != nil {
		return err
	}
	return b.Mine(1)
}

// Fund pays each address the amount, in satoshi, in one transaction, mines it,
// and gives the coins in the order of the addresses.
func (b *Bitcoin) Fund(amount int64, addresses ...string) ([]Coin, error) {
	tx := wire.NewMsgTx(2)
	in := b.spare.Outpoint()
	tx.AddTxIn(wire.NewTxIn(&in, nil, nil))
	left := b.spare.Value()
	for _, a := range addresses {
		script, err := Script(a)
		if err != nil {
			return nil, err
		}
		tx.AddTxOut(wire.NewTxOut(amount, script))
		left -= amount
	}
	left -= feeRate * size(1, append(tx.TxOut, wire.NewTxOut(0, b.script)))
	if left < dust {
		return nil, errors.New("the faucet is empty")
	}
	tx.AddTxOut(wire.NewTxOut(left, b.script))
	spent := txscript.NewCannedPrevOutputFetcher(b.script, b.spare.Value())
	witness, err := txscript.WitnessSignature(tx, txscript.NewTxSigHashes(tx, spent), 0, b.spare.Value(), b.script, txscript.SigHashAll, b.key, true)
	if err != nil {
		return nil, err
	}
	tx.TxIn[0].Witness = witness
	if _, err := b.rpc.SendRawTransaction(tx, false); err != nil {
		return nil, err
	}
	b.spare = Coin{tx, uint32(len(addresses))}
	coins := make([]Coin, len(addresses))
	for i := range coins {
		coins[i] = Coin{tx, uint32(i)}
	}
	return coins, b.Mine(1)
}

// Key is a key of the wallet that pays, as the offline half prints it.
type Key struct {
	Address   string
	PublicKey []byte   // 33 bytes
	Path      []uint32 // from the master key
	Master    uint32   // fingerprint of that, its first byte the highest; 0 where only an address is known
}

// Spend is a payment of P2WPKH coins of one key.
type Spend struct {
	Coins    []Coin
	From     Key
	To       string
	Amount   int64 // satoshi
	Change   Key
	Fee      int64 // satoshi; 0 stands for 2 satoshi per virtual byte
	Unproven bool  // leave the previous transactions out, as bad wallets do
}

// PSBT builds the unsigned payment, a version 0 PSBT in base64.
func (s Spend) PSBT() (string, error) {
	tx := wire.NewMsgTx(2)
	var left int64
	for _, c := range s.Coins {
		in := c.Outpoint()
		tx.AddTxIn(&wire.TxIn{PreviousOutPoint: in, Sequence: wire.MaxTxInSequenceNum - 2}) // BIP-125: may be replaced
		left += c.Value()
	}
	to, err := Script(s.To)
	if err != nil {
		return "", err
	}
	back, err := Script(s.Change.Address)
	if err != nil {
		return "", err
	}
	tx.AddTxOut(wire.NewTxOut(s.Amount, to))
	fee := s.Fee
	if fee == 0 {
		fee = feeRate * size(len(s.Coins), append(tx.TxOut, wire.NewTxOut(0, back)))
	}
	left -= s.Amount + fee
	if left < 0 {
		return "", errors.New("the coins are worth less than the payment")
	}
	if left >= dust {
		tx.AddTxOut(wire.NewTxOut(left, back))
	}
	p, err := psbt.NewFromUnsignedTx(tx)
	if err != nil {
		return "", err
	}
	for i, c := range s.Coins {
		p.Inputs[i].WitnessUtxo = c.Tx.TxOut[c.Index]
		if !s.Unproven {
			p.Inputs[i].NonWitnessUtxo = c.Tx
		}
		p.Inputs[i].Bip32Derivation = s.From.derivation()
	}
	if len(tx.TxOut) == 2 {
		p.Outputs[1].Bip32Derivation = s.Change.derivation()
	}
	return p.B64Encode()
}

func (k Key) derivation() []*psbt.Bip32Derivation {
	return []*psbt.Bip32Derivation{{PubKey: k.PublicKey, MasterKeyFingerprint: bits.ReverseBytes32(k.Master), Bip32Path: k.Path}}
}

// Paid tells how deep the chain has the payment, 0 while the mempool has it. A
// node that does not know it, or knows it as something else, is an error.
func (b *Bitcoin) Paid(txID, to string, amount int64) (confirmations uint64, err error) {
	hash, err := chainhash.NewHashFromStr(txID)
	if err != nil {
		return 0, err
	}
	script, err := Script(to)
	if err != nil {
		return 0, err
	}
	tx, err := b.rpc.GetRawTransaction(hash)
	if err != nil {
		return 0, err
	}
	found := false
	for _, out := range tx.MsgTx().TxOut {
		found = found || out.Value == amount && string(out.PkScript) == string(script)
	}
	if !found {
		return 0, fmt.Errorf("transaction %s does not pay %d to %s", txID, amount, to)
	}
	seen, err := b.rpc.GetRawTransactionVerbose(hash)
	if err != nil {
		return 0, err
	}
	return seen.Confirmations, nil
}

// Mempool counts what waits for a block.
func (b *Bitcoin) Mempool() (int, error) {
	all, err := b.rpc.GetRawMempool()
	return len(all), err
}

// Payments counts the transactions, in blocks and waiting, that pay the address.
func (b *Bitcoin) Payments(to string) (int, error) {
	a, err := address.DecodeAddress(to, &chaincfg.RegressionNetParams)
	if err != nil {
		return 0, err
	}
	all, err := b.rpc.SearchRawTransactions(a, 0, 100, false, nil)
	if err != nil && strings.Contains(err.Error(), "No information available") {
		return 0, nil
	}
	return len(all), err
}

// NewBitcoinAddress is a fresh P2WPKH address of nobody's.
func NewBitcoinAddress() (string, error) {
	key, err := btcec.NewPrivateKey()
	if err != nil {
		return "", err
	}
	a, err := address.NewAddressWitnessPubKeyHash(address.Hash160(key.PubKey().SerializeCompressed()), &chaincfg.RegressionNetParams)
	if err != nil {
		return "", err
	}
	return a.EncodeAddress(), nil
}

// Script is what an output to the regtest address has.
func Script(text string) ([]byte, error) {
	a, err := address.DecodeAddress(text, &chaincfg.RegressionNetParams)
	if err != nil {
		return nil, err
	}
	return txscript.PayToAddrScript(a)
}

// size is that of a transaction with P2WPKH inputs, in virtual bytes, rounded up
// for each part.
func size(inputs int, outputs []*wire.TxOut) int64 {
	n := 11 + 68*inputs
	for _, out := range outputs {
		n += out.SerializeSize()
	}
	return int64(n)
}
