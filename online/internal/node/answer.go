package node

// Meaning is what a node's words about sent bytes mean. Its text is the code of
// the error, which is stable.
type Meaning string

// The meanings. Says is of words that are not known here.
const (
	Says    Meaning = "node.says"
	Known   Meaning = "node.known"
	Spent   Meaning = "node.spent"
	Rival   Meaning = "node.rival"
	Stale   Meaning = "node.stale"
	Busy    Meaning = "node.busy"
	Funds   Meaning = "node.funds"
	Fee     Meaning = "node.fee"
	Gap     Meaning = "node.gap"
	Invalid Meaning = "node.invalid"
)

// Outcome is what follows: nothing of what a node says is a proof.
func (m Meaning) Outcome() Outcome {
	switch m {
	case Funds, Fee, Gap, Invalid:
		return Rejected
	}
	return Ambiguous
}

// Alarm reports whether a person should look at once.
func Alarm(code string) bool {
	return code == string(Rival) || code == "node.txid" || code == "node.differ" || code == "upstream.txid" || code == "cancel.landed"
}

// Words says in fixed words what an error's code means, and how it is cured; ""
// for a code that is not of a node. What the node itself wrote is for the log: a
// row, which people and programs read, never holds it.
func Words(code string) (what, cure string) {
	switch Meaning(code) {
	case Says:
		return "the node refuses it in words that are not known here", "look into the log"
	case Known:
		return "the node says that it has it already, and does not show it", ""
	case Spent:
		return "the node says that its nonce or an input is used up, by itself or by another transaction", "it is looked for; nothing is sent in its place"
	case Rival:
		return "ALARM: the node has another transaction with the same nonce or input", "find out who signed that one"
	case Stale:
		return "the node does not know its blockhash or nonce, which is too old or too new", ""
	case Busy:
		return "the node is not ready or takes no more now", ""
	case Funds:
		return "the account cannot pay for it", "fund the account"
	case Fee:
		return "its fee is too low for the node", "replace it with a higher fee"
	case Gap:
		return "an earlier nonce of the account is missing", "see the lanes"
	case Invalid:
		return "the node says that it breaks a rule", "look into the log"
	}
	switch code {
	case "node.txid":
		return "ALARM: the node took it and named another transaction", "do not trust this node"
	case "node.differ":
		return "ALARM: the nodes contradict one another", "look into the log, and compare with another explorer"
	case "node.unusable":
		return "the node gave no usable answer", "look at rpc, user and password_file in config.toml"
	case "node.timeout":
		return "the node did not answer in time", ""
	case "upstream.txid":
		return "ALARM: the upstream says that another transaction has paid this", "find out who else signs for this account"
	case "upstream.gone":
		return "the upstream has deleted it: nothing is sent", "cancel it if it is not to be paid"
	case "upstream.says":
		return "the upstream refuses it", "look into the log"
	case "upstream.busy", "upstream.timeout":
		return "the upstream does not answer now", ""
	case "upstream.unusable", "upstream.key":
		return "the upstream gave no usable answer", "look at [upstream] in config.toml"
	}
	return "", ""
}
