package desk

import "maps"

// text gives the English of a name. All of it stands here. A name without English
// gives the name itself, and a test looks for those.
func text(name string) string {
	if s, ok := english()[name]; ok {
		return s
	}
	return name
}

func english() map[string]string {
	m := map[string]string{
		"title":          "Coldsign desk",
		"skip":           "Skip to content",
		"nav.label":      "Pages",
		"nav.queue":      "Queue",
		"nav.create":     "Create",
		"nav.send":       "Send across",
		"nav.take":       "Take back",
		"nav.wallets":    "Pairing and keys",
		"nav.nodes":      "Health",
		"nav.audit":      "Audit",
		"nav.users":      "Users",
		"nav.logout":     "Log out",
		"nav.me":         "Your account",
		"rehearsal":      "Rehearsal: test networks only. Nothing here is money.",
		"host.wrong":     "This desk has another name. Open it as http://localhost:PORT/desk/, or set url in [desk] of config.toml.",
		"error.title":    "That did not work",
		"error.missing":  "There is no such page.",
		"error.size":     "What was sent is too large.",
		"error.internal": "Something failed here. The server's log says what.",
		"error.back":     "Back to the queue",

		"login.title":    "Log in",
		"login.name":     "Name",
		"login.password": "Password",
		"login.code":     "Six-digit code",
		"login.hint":     "What your authenticator shows now.",
		"login.submit":   "Log in",
		"login.fresh":    "Nobody can log in yet. On this machine, make the first user:",
		"login.enrol":    "I have an enrolment code",
		"login.passkey":  "Log in with a passkey",
		"login.byname":   "Passkeys need a name, not an address. Open this desk as",
		"or":             "or",

		"enrol.title":    "Set up your login",
		"enrol.code":     "Enrolment code",
		"enrol.hint":     "An administrator gave it to you. It works once.",
		"enrol.next":     "Go on",
		"enrol.hello":    "Welcome",
		"enrol.password": "New password",
		"enrol.length":   "At least 12 characters. Several words are better than odd signs.",
		"enrol.again":    "The same password again",
		"enrol.scan":     "Scan this with your authenticator",
		"enrol.secret":   "or type this into it",
		"enrol.qr":       "QR code of the authenticator's secret; it is written out below",
		"enrol.totp":     "The six digits it shows now",
		"enrol.submit":   "Set password and log in",
		"enrol.passkey":  "Use a passkey instead",

		"queue.title": "Queue", "queue.empty": "Nothing here.",
		"col.state":   "State",
		"col.chain":   "Chain",
		"col.id":      "Id",
		"col.created": "Created",

		"state.pending":      "Pending",
		"state.exported":     "At the signer",
		"state.signed":       "Signed",
		"state.broadcasting": "Sending",
		"state.broadcast":    "Confirming",
		"state.complete":     "Complete",
		"state.cancelled":    "Cancelled",
		"state.refused":      "Refused",
		"state.expired":      "Expired",
		"state.failed":       "Failed",
	}
	maps.Copy(m, carryingTexts())
	return m
}
