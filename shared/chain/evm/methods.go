package evm

// find looks a selector up in the table of known dangerous methods.
func find(selector [4]byte) (method, bool) {
	for _, m := range dangerous() {
		if m.selector == selector {
			return m, true
		}
	}
	return method{}, false
}

// dangerous lists methods by their signatures in ERC-20, 721, 1155 and 2612,
// DAI, Permit2 (AllowanceTransfer, SignatureTransfer), OpenZeppelin's Ownable,
// UUPS and Votes, Multicall and Safe. A test computes every selector.
func dangerous() []method {
	row := func(selector uint32, code, signature string, args ...string) method {
		s := [4]byte{byte(selector >> 24), byte(selector >> 16), byte(selector >> 8), byte(selector)}
		return method{s, code, signature, args}
	}
	return []method{
		row(0x095ea7b3, "evm.approve", "approve(address,uint256)", "spender", "amount or token id"),
		row(0x39509351, "evm.increase-allowance", "increaseAllowance(address,uint256)", "spender", "by"),
		row(0xa457c2d7, "evm.decrease-allowance", "decreaseAllowance(address,uint256)", "spender", "by"),
		row(0x23b872dd, "evm.transfer-from", "transferFrom(address,address,uint256)", "from", "to", "amount or token id"),
		row(0xd505accf, "evm.permit", "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)", "owner", "spender", "amount", "deadline", "v", "r", "s"),
		row(0x8fcbaf0c, "evm.permit", "permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)", "holder", "spender", "nonce", "expiry", "allowed", "v", "r", "s"),
		row(0x87517c45, "evm.permit2-approve", "approve(address,address,uint160,uint48)", "token", "spender", "amount", "expiration"),
		row(0x2b67b570, "evm.permit2-permit", "permit(address,((address,uint160,uint48,uint48),address,uint256),bytes)", "owner", "token", "amount", "expiration", "nonce", "spender", "deadline", "signature"),
		row(0x2a2d80d1, "evm.permit2-permit-batch", "permit(address,((address,uint160,uint48,uint48)[],address,uint256),bytes)"),
		row(0x36c78516, "evm.permit2-transfer-from", "transferFrom(address,address,uint160,address)", "from", "to", "amount", "token"),
		row(0x0d58b1db, "evm.permit2-transfer-from", "transferFrom((address,address,uint160,address)[])"),
		row(0x30f28b7a, "evm.permit2-transfer-from", "permitTransferFrom(((address,uint256),uint256,uint256),(address,uint256),address,bytes)", "token", "amount", "nonce", "deadline", "to", "requested", "owner", "signature"),
		row(0xedd9444b, "evm.permit2-transfer-from", "permitTransferFrom(((address,uint256)[],uint256,uint256),(address,uint256)[],address,bytes)"),
		row(0xa22cb465, "evm.approve-all", "setApprovalForAll(address,bool)", "operator", "approved"),
		row(0x42842e0e, "evm.safe-transfer-from", "safeTransferFrom(address,address,uint256)", "from", "to", "token id"),
		row(0xb88d4fde, "evm.safe-transfer-from", "safeTransferFrom(address,address,uint256,bytes)", "from", "to", "token id", "data"),
		row(0xf242432a, "evm.safe-transfer-from", "safeTransferFrom(address,address,uint256,uint256,bytes)", "from", "to", "token id", "amount", "data"),
		row(0x2eb2c2d6, "evm.safe-transfer-from", "safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)"),
		row(0xf2fde38b, "evm.transfer-ownership", "transferOwnership(address)", "new owner"),
		row(0x3659cfe6, "evm.upgrade", "upgradeTo(address)", "new code"),
		row(0x4f1ef286, "evm.upgrade", "upgradeToAndCall(address,bytes)", "new code", "call"),
		row(0x6a761202, "evm.safe-exec", "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)",
			"to", "value", "data", "operation", "safe gas", "base gas", "gas price", "gas token", "refund receiver", "signatures"),
		row(0x468721a7, "evm.safe-module", "execTransactionFromModule(address,uint256,bytes,uint8)", "to", "value", "data", "operation"),
		row(0x5229073f, "evm.safe-module", "execTransactionFromModuleReturnData(address,uint256,bytes,uint8)", "to", "value", "data", "operation"),
		row(0x8d80ff0a, "evm.multisend", "multiSend(bytes)", "transactions"),
		row(0xac9650d8, "evm.multicall", "multicall(bytes[])"),
		row(0x5ae401dc, "evm.multicall", "multicall(uint256,bytes[])"),
		row(0x1f0464d1, "evm.multicall", "multicall(bytes32,bytes[])"),
		row(0x5c19a95c, "evm.delegate", "delegate(address)", "delegatee"),
		row(0xc3cda520, "evm.delegate", "delegateBySig(address,uint256,uint256,uint8,bytes32,bytes32)", "delegatee", "nonce", "expiry", "v", "r", "s"),
	}
}
