package solana

import (
	"bytes"
	"crypto/sha256"

	"coldsign/shared/fault"
	"coldsign/shared/quote"

	"filippo.io/edwards25519"
	"github.com/gagliardetto/solana-go/base58"
)

// The programs that the codec reads, and the accounts that their instructions
// name, in base58.
const (
	SystemProgram     = "11111111111111111111111111111111"
	TokenProgram      = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
	Token2022Program  = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"
	AssociatedProgram = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"
	BudgetProgram     = "ComputeBudget111111111111111111111111111111"
	MemoProgram       = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"
	MemoV1Program     = "Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo"

	RecentBlockhashes = "SysvarRecentB1ockHashes11111111111111111111"
	RentSysvar        = "SysvarRent111111111111111111111111111111111"

	// NativeMint is the mint of wrapped SOL under the Token program: 9 decimals,
	// one base unit for one lamport.
	NativeMint = "So11111111111111111111111111111111111111112"
)

// These verify signatures inside a transaction and charge for each one. They
// are unknown programs to the review, yet the fee has to count them.
const (
	secp256k1Verify = "KeccakSecp256k11111111111111111111111111111"
	ed25519Verify   = "Ed25519SigVerify111111111111111111111111111"
	secp256r1Verify = "Secp256r1SigVerify1111111111111111111111111"
)

type address = [32]byte

// programName names a program that the codec reads; "" for any other.
func programName(id string) string {
	for _, p := range [][2]string{{SystemProgram, "System"}, {TokenProgram, "Token"}, {Token2022Program, "Token-2022"},
		{AssociatedProgram, "Associated Token"}, {BudgetProgram, "Compute Budget"}, {MemoProgram, "Memo"}, {MemoV1Program, "Memo v1"}} {
		if p[0] == id {
			return p[1]
		}
	}
	return ""
}

func text(a address) string { return base58.Encode32(&a) }

// known gives the bytes of one of this package's own constants.
func known(s string) address {
	a, err := ParseAddress(s)
	if err != nil {
		panic("solana: constant is no address: " + s)
	}
	return a
}

// ParseAddress reads the base58 form of 32 bytes. Any 32 bytes are an address,
// on the curve or not; there is no checksum.
func ParseAddress(s string) ([32]byte, error) {
	var a address
	if len(s) > maxAddressText || base58.Decode32(s, &a) != nil || text(a) != s {
		return address{}, fault.New("solana.address", "copy it again, whole", "%s is not a solana address", quote.String(s))
	}
	return a, nil
}

// ATA derives the associated token account of an owner for a mint of a token
// program: the program-derived address of the three under the associated token
// program. A transfer to it reaches the owner as long as the owner has not given
// the account away (SetAuthority), which only the chain knows.
func ATA(owner, program, mint [32]byte) ([32]byte, error) {
	return derive(known(AssociatedProgram), owner[:], program[:], mint[:])
}

// derive is find_program_address: SHA-256 over the seeds, a bump that counts
// down from 255, the program and a marker; the first result that is no point
// of the curve, so that no private key can exist for it.
func derive(program address, seeds ...[]byte) (address, error) {
	joined := bytes.Join(seeds, nil)
	for bump := 255; bump > 0; bump-- {
		h := sha256.New()
		h.Write(joined)
		h.Write([]byte{byte(bump)})
		h.Write(program[:])
		h.Write([]byte(derivedMarker))
		a := address(h.Sum(nil))
		if _, err := new(edwards25519.Point).SetBytes(a[:]); err != nil {
			return a, nil
		}
	}
	return address{}, fault.New("solana.derive", "", "no address derives for program %s", text(program))
}

const derivedMarker = "ProgramDerivedAddress"

// withSeed is create_with_seed: SHA-256 over base, seed and owner. An owner that
// ends in the marker above could imitate a derived address and is no owner.
func withSeed(base address, seed []byte, owner address) (a address, ok bool) {
	if len(seed) > maxSeed || bytes.HasSuffix(owner[:], []byte(derivedMarker)) {
		return address{}, false
	}
	return sha256.Sum256(bytes.Join([][]byte{base[:], seed, owner[:]}, nil)), true
}
