#!/bin/sh
# Check deploy/ and the Dockerfile with the linters of their formats (`make check-deploy` installs them). All run, then the first failure decides.
set -u
cd "$(dirname "$0")/.."
bin=${BIN:-.venv/bin}
built=build/deploy
kubernetes=deploy/kubernetes
. tools/check_step.sh

# Both what a site applies, and the same with the optional component.
render() {
    rm -rf "$built" && mkdir -p "$built/with-monitoring" &&
        "$bin/kubectl" kustomize "$kubernetes/overlays/production" >"$built/service.yaml" &&
        "$bin/kubectl" kustomize "$kubernetes/overlays/production/migration" >"$built/migration.yaml" &&
        printf 'resources: [../../../%s/overlays/production]\ncomponents: [../../../%s/components/servicemonitor]\n' "$kubernetes" "$kubernetes" \
            >"$built/with-monitoring/kustomization.yaml" &&
        "$bin/kubectl" kustomize "$built/with-monitoring" >"$built/monitored.yaml"
}

check "YAML (yamllint)" "$bin/yamllint" --strict -c deploy/yamllint.yaml deploy
check "overlays can be built (kubectl kustomize)" render
for release in 1.31 1.34 1.37; do
    check "manifests are Kubernetes $release (kubernetes-validate)" \
        "$bin/kubernetes-validate" --strict -k "$release" "$built/service.yaml" "$built/migration.yaml" "$kubernetes/components/servicemonitor/networkpolicy.yaml"
done
check "compose file (check-jsonschema)" "$bin/check-jsonschema" --builtin-schema vendor.compose-spec deploy/compose.yaml
check "Dockerfile (hadolint)" "$bin/hadolint" --no-color Dockerfile
echo "not checked here: the ServiceMonitor (its schema comes with the Prometheus Operator); nothing is applied to a cluster, no image is built"
exit "$status"
