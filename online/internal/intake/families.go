package intake

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"coldsign/online/internal/kms"
	"coldsign/online/internal/strictjson"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/evm"
	"coldsign/shared/chain/solana"
	"coldsign/shared/fault"

	"github.com/ethereum/go-ethereum/rlp"
	"github.com/gagliardetto/solana-go/base58"
)

// family is what intake must know of a chain beyond its codec.
type family struct {
	// read takes the native form.
	read func(chain.Network, strictjson.Value, kms.Lookup) ([]byte, error)
	// origins are those that the payload claims.
	origins func(payload []byte) ([]chain.Origin, error)
	// wanted gives those of the candidates that the payload wants signed by.
	wanted func(payload []byte, candidates []chain.PublicKey) ([]chain.PublicKey, error)
	// reserve names what the payment uses up, of a payload that has been decoded.
	reserve func(payload []byte, signers []chain.PublicKey, r chain.Review) ([]string, error)
}

// families is the one list, by CAIP-2 namespace.
func families() map[string]family {
	none := func([]byte) ([]chain.Origin, error) { return nil, nil }
	all := func(_ []byte, candidates []chain.PublicKey) ([]chain.PublicKey, error) { return candidates, nil }
	return map[string]family{
		"bip122": {readBase64, bitcoin.PayloadOrigins, bitcoin.Match, outpoints},
		"eip155": {readEthereum, none, all, accountNonce},
		"solana": {readBase64, none, solanaSigners, durableNonce},
	}
}

func readBase64(_ chain.Network, v strictjson.Value, _ kms.Lookup) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(v.Text)
	if v.Kind != strictjson.String || err != nil || strings.ContainsAny(v.Text, "\r\n") {
		return nil, fault.New("transaction.encoding", "", "the transaction is not a string of base64 with padding")
	}
	return b, nil
}

func readEthereum(n chain.Network, v strictjson.Value, look kms.Lookup) ([]byte, error) {
	if v.Kind == strictjson.Object {
		return kms.Web3(n, v, look)
	}
	digits, ok := strings.CutPrefix(v.Text, "0x")
	b, err := hex.DecodeString(digits)
	if v.Kind != strictjson.String || !ok || err != nil {
		return nil, fault.New("transaction.encoding", "", "the transaction is neither 0x and hex nor an object")
	}
	return b, nil
}

func outpoints(payload []byte, _ []chain.PublicKey, _ chain.Review) ([]string, error) {
	spent, err := bitcoin.Outpoints(payload)
	var names []string
	for _, o := range spent {
		names = append(names, fmt.Sprintf("utxo:%s:%d", o.TxID, o.Index))
	}
	return names, err
}

// accountNonce reads the nonce: item 0 of a legacy transaction, item 1 of a
// typed one, whose list stands after the type.
func accountNonce(payload []byte, signers []chain.PublicKey, _ chain.Review) ([]string, error) {
	bad := func(err error) ([]string, error) {
		return nil, fault.New("evm.rlp", "", "the transaction has no nonce: %w", err)
	}
	typed := payload[0] < 0xc0
	if typed {
		payload = payload[1:]
	}
	items, _, err := rlp.SplitList(payload)
	if err != nil {
		return bad(err)
	}
	if typed {
		if _, items, err = rlp.SplitString(items); err != nil {
			return bad(err)
		}
	}
	nonce, _, err := rlp.SplitUint64(items)
	if err != nil {
		return bad(err)
	}
	return []string{fmt.Sprintf("nonce:%s:%d", evm.Address(signers[0]), nonce)}, nil
}

// solanaMessage is what intake reads of a message: the keys that must sign, and
// what a durable nonce's first instruction would name.
type solanaMessage struct {
	signers   [][]byte
	blockhash []byte
	account   []byte // the first account of the first instruction, nil if there is none
}

// readMessage lets the codec's reader check every length, and then finds its
// way by them: header, keys, blockhash, instructions.
func readMessage(payload []byte) (m solanaMessage, err error) {
	if _, err := solana.WithBlockhash(payload, [32]byte{}); err != nil {
		return m, err
	}
	b := payload
	if b[0] >= 0x80 {
		b = b[1:] // the version
	}
	count := func() int { // a compact-u16 of at most two bytes: 1,232 bytes hold no more
		n := int(b[0] & 0x7f)
		if b[0] >= 0x80 {
			n |= int(b[1]) << 7
			b = b[1:]
		}
		b = b[1:]
		return n
	}
	required := int(b[0])
	b = b[3:]
	var keys [][]byte
	for n := count(); n > 0; n-- {
		keys, b = append(keys, b[:32]), b[32:]
	}
	m.signers, m.blockhash, b = keys[:required], b[:32], b[32:]
	if count() > 0 {
		b = b[1:] // the program
		if count() > 0 {
			m.account = keys[b[0]]
		}
	}
	return m, nil
}

// solanaSigners gives the candidates that must sign. What is missing the codec
// names.
func solanaSigners(payload []byte, candidates []chain.PublicKey) ([]chain.PublicKey, error) {
	m, err := readMessage(payload)
	var keys []chain.PublicKey
	for _, b := range m.signers {
		k, err := chain.NewPublicKey(chain.Ed25519, b)
		if err == nil && slices.Contains(candidates, k) {
			keys = append(keys, k)
		}
	}
	return keys, err
}

// durableNonce reserves the value of a nonce account, which only one message
// can use up. A message with a recent blockhash uses up nothing that has a name.
func durableNonce(payload []byte, _ []chain.PublicKey, r chain.Review) ([]string, error) {
	m, err := readMessage(payload)
	if err != nil || r.Deadline.Kind != chain.NeverExpires {
		return nil, err
	}
	return []string{"nonce:" + base58.Encode(m.account) + ":" + base58.Encode(m.blockhash)}, nil
}
