package fund

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/rpc"

	"coldsign/scripts/rig"
)

// EVM is anvil, with its first account as the faucet.
type EVM struct {
	*ethclient.Client
	ChainID *big.Int
	rpc     *rpc.Client
	faucet  common.Address
	token   abi.ABI
	code    []byte // that makes the token
}

// NewEVM connects to a node of scripts/nodes.
func NewEVM(ctx context.Context, url string) (*EVM, error) {
	client, err := rpc.DialContext(ctx, url)
	if err != nil {
		return nil, err
	}
	e := &EVM{Client: ethclient.NewClient(client), rpc: client}
	if e.ChainID, err = e.Client.ChainID(ctx); err != nil {
		return nil, err
	}
	var accounts []common.Address
	if err := client.CallContext(ctx, &accounts, "eth_accounts"); err != nil {
		return nil, err
	}
	if len(accounts) == 0 {
		return nil, errors.New("the node has no account of its own")
	}
	e.faucet = accounts[0]
	return e, e.loadToken()
}

// loadToken reads the compiled contract of testdata/erc20.
func (e *EVM) loadToken() error {
	root, err := rig.Root()
	if err != nil {
		return err
	}
	dir := filepath.Join(root, "testdata", "erc20")
	text, err := os.ReadFile(filepath.Join(dir, "Token_sol_Token.abi"))
	if err != nil {
		return err
	}
	if e.token, err = abi.JSON(strings.NewReader(string(text))); err != nil {
		return err
	}
	if text, err = os.ReadFile(filepath.Join(dir, "Token_sol_Token.bin")); err != nil {
		return err
	}
	e.code, err = hex.DecodeString(strings.TrimSpace(string(text)))
	return err
}

// Fund pays wei to each address.
func (e *EVM) Fund(ctx context.Context, wei *big.Int, addresses ...string) error {
	for _, a := range addresses {
		to := common.HexToAddress(a)
		if _, err := e.send(ctx, map[string]any{"to": to, "value": (*hexutil.Big)(wei)}); err != nil {
			return err
		}
	}
	return nil
}

// Token deploys a new ERC-20 with 6 decimals; the faucet owns all of it.
func (e *EVM) Token(ctx context.Context) (string, error) {
	r, err := e.send(ctx, map[string]any{"data": hexutil.Bytes(e.code)})
	if err != nil {
		return "", err
	}
	return r.ContractAddress.Hex(), nil
}

// FundToken pays tokens, in base units, to the address.
func (e *EVM) FundToken(ctx context.Context, token, to string, amount *big.Int) error {
	data, err := e.transfer(to, amount)
	if err != nil {
		return err
	}
	_, err = e.send(ctx, map[string]any{"to": common.HexToAddress(token), "data": hexutil.Bytes(data)})
	return err
}

// send is a transaction that the node signs for the faucet, until it is mined.
func (e *EVM) send(ctx context.Context, tx map[string]any) (r *types.Receipt, err error) {
	tx["from"] = e.faucet
	var hash common.Hash
	if err := e.rpc.CallContext(ctx, &hash, "eth_sendTransaction", tx); err != nil {
		return nil, err
	}
	err = Wait(ctx, "the faucet's transaction", func() (bool, error) {
		r, err = e.TransactionReceipt(ctx, hash)
		// geth that has just started says that it is indexing.
		if errors.Is(err, ethereum.NotFound) || err != nil && strings.Contains(err.Error(), "indexing is in progress") {
			return false, nil
		}
		return err == nil, err
	})
	if err == nil && r.Status != types.ReceiptStatusSuccessful {
		err = fmt.Errorf("the faucet's transaction %s failed", hash)
	}
	return r, err
}

// Mine makes blocks. geth has no call for it: in dev mode each transaction makes
// one.
func (e *EVM) Mine(ctx context.Context, blocks uint64) error {
	err := e.rpc.CallContext(ctx, nil, "anvil_mine", hexutil.Uint64(blocks))
	if missing, ok := errors.AsType[rpc.Error](err); !ok || missing.ErrorCode() != -32601 {
		return err
	}
	for range blocks {
		if err := e.Fund(ctx, new(big.Int), e.faucet.Hex()); err != nil {
			return err
		}
	}
	return nil
}

func (e *EVM) transfer(to string, amount *big.Int) ([]byte, error) {
	return e.token.Pack("transfer", common.HexToAddress(to), amount)
}

// Approve is the call data that lets spender take tokens of the sender.
func (e *EVM) Approve(spender string, amount *big.Int) ([]byte, error) {
	return e.token.Pack("approve", common.HexToAddress(spender), amount)
}

// Call is an unsigned EIP-1559 transaction.
type Call types.DynamicFeeTx

// Pay builds a payment of wei. The fee allows for a base fee twice of today's.
func (e *EVM) Pay(ctx context.Context, from, to string, nonce uint64, wei *big.Int) (*Call, error) {
	return e.Call(ctx, from, to, nonce, wei, nil)
}

// PayToken builds a payment of an ERC-20, in base units.
func (e *EVM) PayToken(ctx context.Context, from, token, to string, nonce uint64, amount *big.Int) (*Call, error) {
	data, err := e.transfer(to, amount)
	if err != nil {
		return nil, err
	}
	return e.Call(ctx, from, token, nonce, new(big.Int), data)
}

// Call builds a call of a contract; its gas is estimated by the node.
func (e *EVM) Call(ctx context.Context, from, to string, nonce uint64, wei *big.Int, data []byte) (*Call, error) {
	target := common.HexToAddress(to)
	head, err := e.HeaderByNumber(ctx, nil)
	if err != nil {
		return nil, err
	}
	gas, err := e.EstimateGas(ctx, ethereum.CallMsg{From: common.HexToAddress(from), To: &target, Value: wei, Data: data})
	if err != nil {
		return nil, err
	}
	tip := big.NewInt(1_000_000_000)
	most := new(big.Int).Add(new(big.Int).Lsh(head.BaseFee, 1), tip)
	return &Call{ChainID: e.ChainID, Nonce: nonce, GasTipCap: tip, GasFeeCap: most, Gas: gas, To: &target, Value: wei, Data: data}, nil
}

// Hex is what is signed, 2 || rlp([chainId, nonce, maxPriority, maxFee, gas, to,
// value, data, accessList]), after 0x.
func (c *Call) Hex() (string, error) {
	b, err := rlp.EncodeToBytes([]any{c.ChainID, c.Nonce, c.GasTipCap, c.GasFeeCap, c.Gas, c.To, c.Value, c.Data, types.AccessList{}})
	return "0x02" + hex.EncodeToString(b), err
}

// JSON is the same transaction as web3 libraries write it.
func (c *Call) JSON() (json.RawMessage, error) {
	fields := map[string]any{
		"type": "0x2", "chainId": (*hexutil.Big)(c.ChainID), "nonce": hexutil.Uint64(c.Nonce), "gas": hexutil.Uint64(c.Gas),
		"maxFeePerGas": (*hexutil.Big)(c.GasFeeCap), "maxPriorityFeePerGas": (*hexutil.Big)(c.GasTipCap),
		"to": c.To, "value": c.Value.String(),
	}
	if len(c.Data) > 0 {
		fields["data"] = hexutil.Bytes(c.Data)
	}
	return json.Marshal(fields)
}

// Nonce is the next of the address.
func (e *EVM) Nonce(ctx context.Context, a string) (uint64, error) {
	return e.PendingNonceAt(ctx, common.HexToAddress(a))
}

// Paid tells how deep the chain has the payment. token is the contract, or "" for
// coins. A node that does not know it, or knows it as something else, is an error.
func (e *EVM) Paid(ctx context.Context, txID, token, to string, amount *big.Int) (confirmations uint64, err error) {
	hash := common.HexToHash(txID)
	tx, waiting, err := e.TransactionByHash(ctx, hash)
	if err != nil || waiting {
		return 0, errors.Join(err, errors.New("not mined: "+txID))
	}
	r, err := e.TransactionReceipt(ctx, hash)
	if err != nil {
		return 0, err
	}
	paid := tx.To() != nil && *tx.To() == common.HexToAddress(to) && tx.Value().Cmp(amount) == 0
	if token != "" {
		paid = e.logged(r, common.HexToAddress(token), common.HexToAddress(to), amount)
	}
	if !paid || r.Status != types.ReceiptStatusSuccessful {
		return 0, fmt.Errorf("transaction %s does not pay %s to %s", txID, amount, to)
	}
	head, err := e.BlockNumber(ctx)
	return head + 1 - r.BlockNumber.Uint64(), err
}

// logged looks for the event Transfer(from, to, value) of the token.
func (e *EVM) logged(r *types.Receipt, token, to common.Address, amount *big.Int) bool {
	for _, l := range r.Logs {
		if l.Address == token && len(l.Topics) == 3 && l.Topics[0] == e.token.Events["Transfer"].ID &&
			common.BytesToAddress(l.Topics[2][:]) == to && new(big.Int).SetBytes(l.Data).Cmp(amount) == 0 {
			return true
		}
	}
	return false
}

// NewEVMAddress is a fresh address of nobody's.
func NewEVMAddress() (string, error) {
	key, err := crypto.GenerateKey()
	if err != nil {
		return "", err
	}
	return crypto.PubkeyToAddress(key.PublicKey).Hex(), nil
}

// Balance is in wei.
func (e *EVM) Balance(ctx context.Context, a string) (*big.Int, error) {
	return e.BalanceAt(ctx, common.HexToAddress(a), nil)
}
