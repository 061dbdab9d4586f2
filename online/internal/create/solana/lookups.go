package solana

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strconv"

	"github.com/gagliardetto/solana-go/base58"

	"coldsign/online/internal/create"
	codec "coldsign/shared/chain/solana"
	"coldsign/shared/fault"
)

// node is what is asked of a network's nodes. Of what one of them says nothing is
// believed that could pay more or somebody else: it makes a payment fail at worst.
type node interface {
	Ask(ctx context.Context, method string, params []json.RawMessage) (json.RawMessage, error)
}

type asker struct{ node }

// account is one on chain; without an owner there is none.
type account struct {
	owner string
	data  []byte
}

func (a asker) ask(ctx context.Context, method string, into any, params ...string) error {
	list := []json.RawMessage{}
	for _, p := range params {
		list = append(list, json.RawMessage(p))
	}
	answer, err := a.Ask(ctx, method, list)
	if err != nil {
		return create.NodeError(err)
	}
	if json.Unmarshal(answer, into) != nil {
		return unusable(method)
	}
	return nil
}

func unusable(method string) error {
	return create.NodeError(fault.New("node.unusable", "", "the answer to %s cannot be read", method))
}

const finalized = `{"commitment":"finalized"}`

func quoted(k key) string { return strconv.Quote(base58.Encode(k[:])) }

func (a asker) account(ctx context.Context, k key) (account, error) {
	var out struct {
		Value *struct {
			Owner string
			Data  []string
		}
	}
	if err := a.ask(ctx, "getAccountInfo", &out, quoted(k), `{"encoding":"base64","commitment":"finalized"}`); err != nil || out.Value == nil {
		return account{}, err
	}
	if len(out.Value.Data) != 2 || out.Value.Data[1] != "base64" || len(out.Value.Data[0]) > maxAccount {
		return account{}, unusable("getAccountInfo")
	}
	b, err := base64.StdEncoding.DecodeString(out.Value.Data[0])
	if err != nil {
		return account{}, unusable("getAccountInfo")
	}
	return account{out.Value.Owner, b}, nil
}

func (a asker) latest(ctx context.Context) (hash key, last, height uint64, err error) {
	var out struct {
		Value struct {
			Blockhash            string
			LastValidBlockHeight uint64
		}
	}
	const confirmed = `{"commitment":"confirmed"}`
	if err = a.ask(ctx, "getLatestBlockhash", &out, confirmed); err != nil {
		return hash, 0, 0, err
	}
	if err = a.ask(ctx, "getBlockHeight", &height, confirmed); err != nil {
		return hash, 0, 0, err
	}
	if hash, err = codec.ParseAddress(out.Value.Blockhash); err != nil { // 32 bytes in base58 alike
		return hash, 0, 0, unusable("getLatestBlockhash")
	}
	return hash, out.Value.LastValidBlockHeight, height, nil
}

func (a asker) balance(ctx context.Context, k key) (uint64, error) {
	var out struct{ Value uint64 }
	err := a.ask(ctx, "getBalance", &out, quoted(k), finalized)
	return out.Value, err
}

func (a asker) rent(ctx context.Context) (n uint64, err error) {
	err = a.ask(ctx, "getMinimumBalanceForRentExemption", &n, "0")
	return n, err
}
