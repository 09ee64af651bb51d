"""The checks themselves: each planted breach of the overlays is found. Run by check.sh."""
import copy
import pathlib
import stat
import tempfile
import unittest

import check_manifests
import check_monitoring
import manifests

OVERLAY = manifests.render("kubectl", check_manifests.ROOT / "k8s" / "overlays" / "prod")
HELP = """  --data-dir TEXT
  --listen ADDRESS [127.0.0.1:7401]
  --metrics-listen ADDRESS [127.0.0.1:9401]
"""


class PlantedBreachTest(unittest.TestCase):
    def setUp(self):
        self.objects = copy.deepcopy(OVERLAY)
        self.found = check_manifests.Findings()

    def policy(self, name):
        return manifests.named(self.objects, "NetworkPolicy", name)["spec"]

    def pod(self, kind, name):
        return manifests.template(manifests.named(self.objects, kind, name))["spec"]

    def says(self, *words):
        self.assertTrue(any(all(word in line for word in words) for line in self.found.lines), self.found.lines)

    def test_the_overlay_has_exactly_the_edges(self):
        self.assertEqual(check_manifests.edges_of(self.objects), check_manifests.EDGES["prod"])

    def test_an_edge_too_many(self):
        self.policy("recsae-trainer")["ingress"][0]["from"].append(
            {"podSelector": {"matchLabels": {"app.kubernetes.io/component": "explainer"}}})
        self.policy("recsae-explainer")["egress"].append({
            "to": [{"podSelector": {"matchLabels": {"app.kubernetes.io/component": "trainer"}}}],
            "ports": [{"port": 7402, "protocol": "TCP"}]})
        self.assertEqual(check_manifests.edges_of(self.objects) - check_manifests.EDGES["prod"],
                         {("explainer", "trainer", 7402)})

    def test_one_side_of_an_edge_is_none(self):
        self.policy("recsae-explainer")["egress"].pop()
        self.assertEqual(check_manifests.EDGES["prod"] - check_manifests.edges_of(self.objects),
                         {("explainer", "concept-store", 7403)})

    def test_a_policy_that_is_gone_forbids_what_it_let_through(self):
        self.objects = [item for item in self.objects if item["metadata"]["name"] != "recsae-dns"]
        missing = check_manifests.EDGES["prod"] - check_manifests.edges_of(self.objects)
        self.assertEqual(missing, {("trainer", "dns", 53), ("explainer", "dns", 53)})

    def test_without_deny_all_strangers_reach_a_pod_that_no_policy_names(self):
        self.objects = [item for item in self.objects if item["kind"] != "NetworkPolicy" or
                        item["metadata"]["name"] not in ("recsae-deny-all", "recsae-probe", "recsae-probe-metrics")]
        self.assertIn(("stranger", "probe", "any"), check_manifests.edges_of(self.objects))

    def test_an_unknown_field_and_a_wrong_type(self):
        self.pod("Deployment", "recsae-explainer")["containers"][0]["imagePullPolice"] = "Always"
        self.pod("StatefulSet", "recsae-probe")["containers"][0]["ports"][0]["containerPort"] = "7401"
        check_manifests.check_schemas(self.objects, self.found)
        self.says("Deployment", "imagePullPolice")
        self.says("StatefulSet", "recsae-probe")

    def test_a_pod_that_is_not_restricted(self):
        spec = self.pod("Deployment", "recsae-explainer")
        spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"] = False
        spec["terminationGracePeriodSeconds"] = 31
        check_manifests.check_pod("x", spec, {"RECSAE_LAME_DUCK_SECONDS": "10", "RECSAE_DRAIN_SECONDS": "20"}, self.found)
        self.says("securityContext")
        self.says("killed after 31 s")

    def test_a_service_that_selects_nobody_and_a_peer_that_is_not_there(self):
        manifests.named(self.objects, "Service", "recsae-probe")["spec"]["selector"] = {"app.kubernetes.io/component": "prob"}
        for config in manifests.of_kind(self.objects, "ConfigMap"):
            if "RECSAE_PROBE" in config["data"]:
                config["data"]["RECSAE_PROBE"] = "dns:///recsae-probe:7410"
        check_manifests.check_services("prod", self.objects, self.found)
        self.says("recsae-probe selects 0")
        self.says("7410")

    def test_a_flag_a_variable_a_port_and_a_path_that_no_program_has(self):
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder, "recsae-probe")
            # Prints the help, and as a server ends at once.
            program.write_text(f"#!/bin/sh\ncase $1 in --help) cat <<'E'\n{HELP}E\n;; *) exit 1;; esac\n")
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
            probe = manifests.named(self.objects, "StatefulSet", "recsae-probe")
            manifests.template(probe)["spec"]["containers"][0]["ports"][0]["containerPort"] = 7409
            kept = [probe, *manifests.of_kind(self.objects, "ConfigMap")]
            check_manifests.check_programs("prod", kept, pathlib.Path(folder), self.found)
        self.says("no flag --job-workers")
        self.says("RECSAE_TLS_CERT")
        self.says("port grpc is 7409")
        self.says("does not start")

    def test_metrics_are_found_in_expressions(self):
        self.assertEqual(check_monitoring.metrics_of(
            'histogram_quantile(0.5, sum by (le, kind) (rate(a_seconds_bucket{x="not_one"}[5m]))) / on (job) b_total '
            "and max_over_time(c[6h]) > 0 or time() - d > 2 * 86400"), {"a_seconds", "b_total", "c", "d"})


if __name__ == "__main__":
    unittest.main()
