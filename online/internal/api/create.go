package api

import (
	"context"
	"crypto/sha256"
	"net/http"

	"coldsign/online/internal/create"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
)

// Creator makes the transactions that the KMS API's creation calls ask for.
type Creator interface {
	Create(ctx context.Context, who create.Caller, call create.Call, body []byte, idem store.Idempotency) (*pending.Transaction, error)
}

// createRoutes are the calls of the KMS API that create pending transactions.
func createRoutes() []route {
	list := []route{{"POST /v3/blockchain/token/transaction", "submit", creates("", create.Token)},
		{"POST /v3/solana/transaction", "submit", creates("SOL", create.Transaction)}}
	for _, c := range []struct{ path, chain string }{
		{"ethereum", "ETH"}, {"bsc", "BSC"}, {"polygon", "MATIC"}, {"celo", "CELO"}, {"klaytn", "KLAY"}, {"xdc", "XDC"}, {"one", "ONE"}, {"kcs", "KCS"},
	} {
		list = append(list, route{"POST /v3/" + c.path + "/transaction", "submit", creates(c.chain, create.Transaction)})
	}
	for _, c := range []struct{ path, chain string }{{"bitcoin", "BTC"}, {"litecoin", "LTC"}, {"dogecoin", "DOGE"}, {"bcash", "BCH"}} {
		list = append(list, route{"POST /v3/" + c.path + "/transaction", "submit", creates(c.chain, create.Transaction)},
			route{"POST /v3/offchain/" + c.path + "/transfer", "submit", creates(c.chain, create.Withdrawal)})
	}
	return append(list, route{"POST /v3/offchain/ethereum/transfer", "submit", creates("ETH", create.Withdrawal)})
}

// creates is one of them: 200 and the pending transaction's id, which the KMS API calls
// signatureId too.
func creates(chain string, kind create.Kind) handler {
	return func(k *call) (reply, error) {
		q, err := k.query("network")
		if err != nil {
			return reply{}, err
		}
		testnet := k.Header.Values("X-Testnet-Type")
		if len(testnet) > 1 || len(testnet) == 1 && len(testnet[0]) > maxTestnet {
			return reply{}, bad("x-testnet-type", "length", "x-testnet-type must be one header with the name of a network", "")
		}
		idem, b, err := k.idempotent(maxCreate)
		if err != nil {
			return reply{}, err
		}
		c := create.Call{Chain: chain, Kind: kind, Network: q.Get("network"), Testnet: k.Header.Get("X-Testnet-Type")}
		// The same body to another call, or for another network, is another request.
		idem.Body = sha256.Sum256(append([]byte(k.URL.Path+"\n"+c.Network+"\n"+c.Testnet+"\n"), b...))
		row, err := k.Creator.Create(k.ctx(), create.Caller{Tenant: k.caller.Tenant, Name: k.caller.Name}, c, b, idem)
		if err != nil {
			return reply{}, err
		}
		return reply{http.StatusOK, map[string]string{"signatureId": row.ID.String()}}, nil
	}
}
