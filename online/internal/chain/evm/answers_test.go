package evm

import (
	"encoding/json"
	"math/big"
	"testing"

	"coldsign/online/internal/chain/nodetest"
	"coldsign/online/internal/node"
)

// What geth, Erigon, Nethermind, Besu, anvil and providers say, for a transaction
// that is not on chain.
func TestATT97Answers(t *testing.T) {
	lost := func(method string, _ []json.RawMessage) (any, *nodetest.Error) {
		switch method {
		case "eth_blockNumber":
			return "0x99", nil
		case "eth_getTransactionCount":
			return "0x4", nil
		}
		return nil, nil
	}
	nodetest.Answers(t, New, local, pay(t, 4, big.NewInt(1)), "eth_sendRawTransaction", lost, append(nodetest.Odd(), []nodetest.Said{
		{Code: -32000, Text: "already known", Want: node.Known},
		{Code: -32010, Text: "AlreadyKnown", Want: node.Known},
		{Code: -32000, Text: "Known transaction", Want: node.Known},
		{Code: -32000, Text: "known transaction: 00", Want: node.Known},
		{Code: -32003, Text: "transaction already imported", Want: node.Known},
		{Code: -32000, Text: "nonce too low: next nonce 5, tx nonce 4", Want: node.Spent},
		{Code: -32001, Text: "Nonce too low", Want: node.Spent},
		{Code: -32001, Text: "Transaction nonce is too low", Want: node.Spent},
		{Code: -32010, Text: "OldNonce, Current nonce: 5, nonce of rejected tx: 4", Want: node.Spent},
		{Code: -32000, Text: "replacement transaction underpriced", Want: node.Rival},
		{Code: -32000, Text: "Transaction replacement underpriced", Want: node.Rival},
		{Code: -32010, Text: "ReplacementNotAllowed", Want: node.Rival},
		{Code: -32000, Text: "could not replace existing tx", Want: node.Rival},
		{Code: -32000, Text: "nonce too high", Want: node.Gap},
		{Code: -32006, Text: "Transaction nonce too distant from current sender nonce", Want: node.Gap},
		{Code: -32010, Text: "NonceGap, Future nonce. Expected nonce: 3", Want: node.Gap},
		{Code: -32000, Text: "insufficient funds for gas * price + value", Want: node.Funds},
		{Code: -32003, Text: "Insufficient funds for gas * price + value", Want: node.Funds},
		{Code: -32010, Text: "InsufficientFunds, Balance is 0", Want: node.Funds},
		{Code: -32004, Text: "Upfront cost exceeds account balance", Want: node.Funds},
		{Code: -32000, Text: "transaction underpriced", Want: node.Fee},
		{Code: -32010, Text: "FeeTooLow, EffectivePriorityFeePerGas too low", Want: node.Fee},
		{Code: -32003, Text: "max fee per gas less than block base fee", Want: node.Fee},
		{Code: -32009, Text: "Gas price below configured minimum gas price", Want: node.Fee},
		{Code: -32000, Text: "txpool is full", Want: node.Busy},
		{Code: -32005, Text: "daily request count exceeded, request rate limited", Want: node.Busy},
		{Code: -32000, Text: "intrinsic gas too low: have 20000, want 21000", Want: node.Invalid},
		{Code: -32000, Text: "exceeds block gas limit", Want: node.Invalid},
		{Code: -32010, Text: "GasLimitExceeded, Gas limit: 1, gas limit of rejected tx: 2", Want: node.Invalid},
		{Code: -32003, Text: "invalid chain id for signer", Want: node.Invalid},
		{Code: -32003, Text: "max priority fee per gas higher than max fee per gas", Want: node.Invalid},
		{Code: -32000, Text: "transaction type not supported", Want: node.Invalid},
		{Code: -32000, Text: "tx fee (5.00 ether) exceeds the configured cap (1.00 ether)", Want: node.Invalid},
		{Code: -32000, Text: "address already reserved", Want: node.Busy},
		{Code: -32000, Text: "account limit exceeded", Want: node.Busy},
		{Code: -32000, Text: "future transaction tries to replace pending", Want: node.Busy},
		{Code: -32000, Text: "transaction gas price below minimum", Want: node.Fee},
		{Code: -32000, Text: "insufficient gas for floor data gas cost", Want: node.Invalid},
		{Code: -32000, Text: "max fee per gas higher than 2^256-1", Want: node.Says},
		{Code: -32602, Text: "Failed to decode transaction", Want: node.Says},
	}...))
}
