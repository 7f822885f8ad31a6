// Package check looks at the files in deploy that nothing here can run: manifests for Kubernetes and the compose file. It
// is tests only.
package check
