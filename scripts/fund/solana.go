package fund

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/gagliardetto/solana-go"
	ata "github.com/gagliardetto/solana-go/programs/associated-token-account"
	"github.com/gagliardetto/solana-go/programs/system"
	"github.com/gagliardetto/solana-go/programs/token"
	"github.com/gagliardetto/solana-go/rpc"
)

// sizes of accounts, in bytes
const (
	mintSize  = 82
	nonceSize = 80
)

// decimals of the tokens made here
const decimals = 6

// Solana is the server of scripts/nodes, and a key of our own that makes tokens.
type Solana struct {
	rpc *rpc.Client
	key solana.PrivateKey
}

// NewSolana connects and funds the key.
func NewSolana(ctx context.Context, url string) (*Solana, error) {
	key, err := solana.NewRandomPrivateKey()
	if err != nil {
		return nil, err
	}
	s := &Solana{rpc.New(url), key}
	return s, s.Fund(ctx, 100*solana.LAMPORTS_PER_SOL, key.PublicKey().String())
}

// Fund gives each address lamports.
func (s *Solana) Fund(ctx context.Context, lamports uint64, addresses ...string) error {
	for _, a := range addresses {
		to, err := solana.PublicKeyFromBase58(a)
		if err != nil {
			return err
		}
		if _, err := s.rpc.RequestAirdrop(ctx, to, lamports, rpc.CommitmentFinalized); err != nil {
			return err
		}
	}
	return nil
}

// Token makes a mint with 6 decimals and gives the owner an amount of it, in
// base units.
func (s *Solana) Token(ctx context.Context, owner string, amount uint64) (mint string, err error) {
	to, err := solana.PublicKeyFromBase58(owner)
	if err != nil {
		return "", err
	}
	me, fresh := s.key.PublicKey(), solana.NewWallet().PrivateKey
	account, _, err := solana.FindAssociatedTokenAddress(to, fresh.PublicKey())
	if err != nil {
		return "", err
	}
	create, err := s.createAccount(ctx, fresh.PublicKey(), mintSize, solana.TokenProgramID)
	if err != nil {
		return "", err
	}
	return fresh.PublicKey().String(), s.send(ctx, []solana.PrivateKey{s.key, fresh},
		create,
		token.NewInitializeMint2Instruction(decimals, me, me, fresh.PublicKey()).Build(),
		ata.NewCreateInstruction(me, to, fresh.PublicKey()).Build(),
		token.NewMintToInstruction(amount, fresh.PublicKey(), account, me, nil).Build())
}

func (s *Solana) createAccount(ctx context.Context, account solana.PublicKey, size uint64, owner solana.PublicKey) (solana.Instruction, error) {
	rent, err := s.rpc.GetMinimumBalanceForRentExemption(ctx, size, rpc.CommitmentFinalized)
	return system.NewCreateAccountInstruction(rent, size, owner, s.key.PublicKey(), account).Build(), err
}

// NonceAccount makes a durable nonce that the authority uses, and gives the
// account and the nonce that it holds. It lets the blockhash expire, since a
// nonce cannot be used before: build other messages afterwards.
func (s *Solana) NonceAccount(ctx context.Context, authority string) (account, nonce string, err error) {
	who, err := solana.PublicKeyFromBase58(authority)
	if err != nil {
		return "", "", err
	}
	fresh := solana.NewWallet().PrivateKey
	create, err := s.createAccount(ctx, fresh.PublicKey(), nonceSize, solana.SystemProgramID)
	if err != nil {
		return "", "", err
	}
	err = s.send(ctx, []solana.PrivateKey{s.key, fresh}, create,
		system.NewInitializeNonceAccountInstruction(who, fresh.PublicKey(), solana.SysVarRecentBlockHashesPubkey, solana.SysVarRentPubkey).Build())
	if err != nil {
		return "", "", err
	}
	info, err := s.rpc.GetAccountInfoWithOpts(ctx, fresh.PublicKey(), &rpc.GetAccountInfoOpts{Encoding: solana.EncodingBase64})
	if err != nil {
		return "", "", err
	}
	data := info.Value.Data.GetBinary() // version, state, authority, nonce, fee
	if len(data) != nonceSize {
		return "", "", fmt.Errorf("a nonce account of %d bytes", len(data))
	}
	if err := s.Expire(ctx); err != nil {
		return "", "", err
	}
	return fresh.PublicKey().String(), solana.PublicKeyFromBytes(data[40:72]).String(), nil
}

func (s *Solana) send(ctx context.Context, signers []solana.PrivateKey, instructions ...solana.Instruction) error {
	latest, err := s.rpc.GetLatestBlockhash(ctx, rpc.CommitmentFinalized)
	if err != nil {
		return err
	}
	tx, err := solana.NewTransaction(instructions, latest.Value.Blockhash, solana.TransactionPayer(signers[0].PublicKey()))
	if err != nil {
		return err
	}
	_, err = tx.Sign(func(k solana.PublicKey) *solana.PrivateKey {
		for i := range signers {
			if signers[i].PublicKey() == k {
				return &signers[i]
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = s.rpc.SendTransaction(ctx, tx)
	return err
}

// Transfer is a payment of one wallet.
type Transfer struct {
	From, To string // owners
	Amount   uint64 // lamports, or the token's base units
	Mint     string // "" for lamports
	// A durable nonce in place of a recent blockhash, both or neither.
	NonceAccount, Nonce string
}

// Message builds the unsigned legacy message in base64. A token payment creates
// the recipient's associated account, if it has none, in the same message, which
// also proves to a reader whose account it is.
func (s *Solana) Message(ctx context.Context, t Transfer) (string, error) {
	from, err := solana.PublicKeyFromBase58(t.From)
	if err != nil {
		return "", err
	}
	to, err := solana.PublicKeyFromBase58(t.To)
	if err != nil {
		return "", err
	}
	list, hash, err := s.start(ctx, from, t)
	if err != nil {
		return "", err
	}
	if t.Mint == "" {
		list = append(list, system.NewTransferInstruction(t.Amount, from, to).Build())
	} else {
		mint, err := solana.PublicKeyFromBase58(t.Mint)
		if err != nil {
			return "", err
		}
		source, _, err := solana.FindAssociatedTokenAddress(from, mint)
		if err != nil {
			return "", err
		}
		target, _, err := solana.FindAssociatedTokenAddress(to, mint)
		if err != nil {
			return "", err
		}
		list = append(list, ata.NewCreateIdempotentInstruction(from, to, mint).Build(),
			token.NewTransferCheckedInstruction(t.Amount, decimals, source, mint, target, from, nil).Build())
	}
	tx, err := solana.NewTransaction(list, hash, solana.TransactionPayer(from))
	if err != nil {
		return "", err
	}
	b, err := tx.Message.MarshalBinary()
	return base64.StdEncoding.EncodeToString(b), err
}

// start gives the hash that the message lives by, and what must come first.
func (s *Solana) start(ctx context.Context, authority solana.PublicKey, t Transfer) (list []solana.Instruction, hash solana.Hash, err error) {
	if t.NonceAccount == "" {
		latest, err := s.rpc.GetLatestBlockhash(ctx, rpc.CommitmentFinalized)
		if err != nil {
			return nil, hash, err
		}
		return nil, latest.Value.Blockhash, nil
	}
	account, err := solana.PublicKeyFromBase58(t.NonceAccount)
	if err != nil {
		return nil, hash, err
	}
	hash, err = solana.HashFromBase58(t.Nonce)
	return []solana.Instruction{
		system.NewAdvanceNonceAccountInstruction(account, solana.SysVarRecentBlockHashesPubkey, authority).Build(),
	}, hash, err
}

// Expire lets 151 blocks pass: messages with an older blockhash are dead.
func (s *Solana) Expire(ctx context.Context) error {
	return s.rpc.RPCCallForInto(ctx, new(string), "svm_expireBlockhash", nil)
}

// Paid tells that the chain has finalized the payment, and that the recipient,
// who had nothing before, has it. Anything else is an error.
func (s *Solana) Paid(ctx context.Context, txID string, t Transfer) error {
	sig, err := solana.SignatureFromBase58(txID)
	if err != nil {
		return err
	}
	status, err := s.rpc.GetSignatureStatuses(ctx, true, sig)
	if err != nil {
		return err
	}
	if x := status.Value[0]; x == nil || x.Err != nil || x.ConfirmationStatus != rpc.ConfirmationStatusFinalized {
		return fmt.Errorf("transaction %s is not final: %+v", txID, x)
	}
	have, err := s.Balance(ctx, t.To, t.Mint)
	if err == nil && have != t.Amount {
		err = fmt.Errorf("%s has %d, not %d", t.To, have, t.Amount)
	}
	return err
}

// Balance is an owner's, in lamports or in the mint's base units.
func (s *Solana) Balance(ctx context.Context, owner, mint string) (uint64, error) {
	who, err := solana.PublicKeyFromBase58(owner)
	if err != nil {
		return 0, err
	}
	if mint == "" {
		have, err := s.rpc.GetBalance(ctx, who, rpc.CommitmentFinalized)
		if err != nil {
			return 0, err
		}
		return have.Value, nil
	}
	key, err := solana.PublicKeyFromBase58(mint)
	if err != nil {
		return 0, err
	}
	account, _, err := solana.FindAssociatedTokenAddress(who, key)
	if err != nil {
		return 0, err
	}
	have, err := s.rpc.GetTokenAccountBalance(ctx, account, rpc.CommitmentFinalized)
	if err != nil {
		return 0, err
	}
	var n uint64
	_, err = fmt.Sscan(have.Value.Amount, &n)
	return n, err
}

// NewSolanaAddress is a fresh address of nobody's.
func NewSolanaAddress() string { return solana.NewWallet().PublicKey().String() }
