package solana

import (
	"encoding/json"
	"testing"

	sol "github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/programs/system"

	"coldsign/online/internal/chain/nodetest"
	"coldsign/online/internal/node"
)

// What Agave and providers say, for a transaction that is not on chain; some of
// it is also asked of a real runtime in TestRealRuntime.
func TestATT97Answers(t *testing.T) {
	payer := key(t)
	s := seal(t, sol.Hash{1}, []sol.PrivateKey{payer}, system.NewTransferInstruction(1, payer.PublicKey(), sol.PublicKey{2}).Build())
	lost := func(method string, _ []json.RawMessage) (any, *nodetest.Error) {
		in := func(value any) any { return map[string]any{"context": map[string]any{"slot": 9}, "value": value} }
		switch method {
		case "getSignatureStatuses":
			return in([]any{nil}), nil
		case "isBlockhashValid":
			return in(true), nil
		}
		return "ok", nil
	}
	failed := func(err any) map[string]any { return map[string]any{"err": err, "logs": []string{}} }
	nodetest.Answers(t, New, localnet, s, "sendTransaction", lost, append(nodetest.Odd(), []nodetest.Said{
		{Code: -32002, Text: "Transaction simulation failed: This transaction has already been processed", Want: node.Known},
		{Code: -32002, Text: "Transaction simulation failed", Data: failed("AlreadyProcessed"), Want: node.Known},
		{Code: -32002, Text: "Transaction simulation failed: Blockhash not found", Want: node.Stale},
		{Code: -32002, Text: "Transaction simulation failed", Data: failed("BlockhashNotFound"), Want: node.Stale},
		{Code: -32005, Text: "Node is behind by 42 slots", Want: node.Busy},
		{Code: -32004, Text: "Block not available for slot 7", Want: node.Busy},
		{Code: -32016, Text: "Minimum context slot has not been reached", Want: node.Busy},
		{Code: 429, Text: "Too many requests", Want: node.Busy},
		{Code: -32002, Text: "Transaction simulation failed", Data: failed("InsufficientFundsForFee"), Want: node.Funds},
		{Code: -32002, Text: "Attempt to debit an account but found no record of a prior credit.", Want: node.Funds},
		{Code: -32002, Text: "Transaction simulation failed: Error processing Instruction 0", Data: failed(map[string]any{"InstructionError": []any{0, map[string]any{"Custom": 1}}}), Want: node.Invalid},
		{Code: -32003, Text: "Transaction signature verification failure", Want: node.Invalid},
		{Code: -32602, Text: "base64 encoded too large: 1684 bytes", Want: node.Invalid},
	}...))
}
