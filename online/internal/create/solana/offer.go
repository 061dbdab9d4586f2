package solana

import (
	"context"
	"time"

	codec "coldsign/shared/chain/solana"
	"coldsign/shared/fault"
)

// Recent asks for the newest blockhash, and when no block may take it any more, in Unix
// seconds. from is the network's node.
func Recent(ctx context.Context, from any, now func() time.Time) (hash [32]byte, deadline int64, err error) {
	n, ok := from.(node)
	if !ok {
		return hash, 0, errNoNode("blockhash")
	}
	return New(now).recent(ctx, asker{n})
}

// NonceValue asks for the finalized value of a nonce account.
func NonceValue(ctx context.Context, from any, account [32]byte) (value [32]byte, err error) {
	n, ok := from.(node)
	if !ok {
		return value, errNoNode("value of the nonce account")
	}
	a, err := asker{n}.account(ctx, account)
	if err != nil {
		return value, err
	}
	if a.owner != codec.SystemProgram || len(a.data) != 80 || a.data[4] != 1 || a.data[5]|a.data[6]|a.data[7] != 0 {
		return value, fault.New("requote.nonce", "submit a new payment", "the nonce account is not initialized any more")
	}
	return [32]byte(a.data[40:72]), nil
}

func errNoNode(what string) error {
	return fault.New("node.missing", "configure a node of the network", "no node can be asked for the %s", what)
}
