// Package airgap proves from outside what the release binary of the offline half
// promises: it never makes a call of the socket family, works where there is no
// network and refuses where there is one, dies when it is made to reach out, and
// gives nothing of its secrets away however it ends. It has tests only.
//
// What they need: strace, ip of iproute2 (scripts/interop installs both), and a
// kernel that gives users namespaces. What only root can show is skipped, with
// the reason, for those who are not.
package airgap
