// What a plan changes: the resources that it replaces, and the disks that it would destroy.
import type { ReportedReplacement } from "../../../../../templates/manifest/reported.ts"
import { blocks, text } from "./attributes.ts"
import type { PlanJson, ResourceChange, Values } from "./show-json.ts"

/** Resources that are made again, with the attributes that force it; a tainted one has none. */
export const replacementsOf = (plan: PlanJson): ReportedReplacement[] =>
  managedChanges(plan)
    .filter(({ type }) => !type.startsWith("coder_"))
    .filter(({ change }) => change.actions.includes("delete") && change.actions.includes("create"))
    .map(({ address, change }) => ({
      resource: address,
      paths: (change.replace_paths ?? []).map((path) => path.join(".")),
    }))

const managedChanges = ({ resource_changes = [] }: PlanJson): ResourceChange[] =>
  resource_changes.filter(({ mode }) => mode === "managed")

/** Types whose instances hold what a person stored. */
const diskTypes: ReadonlySet<string> = new Set([
  "alicloud_disk",
  "aws_ebs_volume",
  "aws_efs_file_system",
  "aws_fsx_lustre_file_system",
  "aws_fsx_openzfs_file_system",
  "azurerm_managed_disk",
  "azurerm_storage_share",
  "civo_volume",
  "cloudscale_volume",
  "digitalocean_volume",
  "docker_volume",
  "equinix_metal_volume",
  "exoscale_block_storage_volume",
  "google_compute_disk",
  "google_compute_region_disk",
  "google_filestore_instance",
  "hcloud_volume",
  "ibm_is_volume",
  "incus_storage_volume",
  "incus_volume",
  "kubernetes_persistent_volume",
  "kubernetes_persistent_volume_claim",
  "kubernetes_persistent_volume_claim_v1",
  "kubernetes_persistent_volume_v1",
  "libvirt_volume",
  "linode_volume",
  "lxd_storage_volume",
  "lxd_volume",
  "oci_core_volume",
  "oci_file_storage_file_system",
  "openstack_blockstorage_volume_v3",
  "openstack_sharedfilesystem_share_v2",
  "ovh_cloud_project_volume",
  "scaleway_block_volume",
  "scaleway_instance_volume",
  "stackit_volume",
  "upcloud_storage",
  "vsphere_virtual_disk",
  "vultr_block_storage",
  "yandex_compute_disk",
])

/**
 * The addresses of persistent resources that the plan destroys or replaces. A resource is
 * persistent by its type, or where its `coder_metadata` has the item `persistent` with the value
 * `true`; the value `false` takes the protection away from a disk that may go.
 */
export function lostDisks(plan: PlanJson): string[] {
  const marks = persistenceMarks(plan)
  return managedChanges(plan)
    .filter(({ change }) => change.actions.includes("delete"))
    .filter(({ type, change }) => {
      const mark = marks.get(text(change.before ?? undefined, "id") ?? "")
      return mark ?? diskTypes.has(type)
    })
    .map(({ address }) => address)
}

/**
 * By the id of the resource. The last apply's metadata counts: that is what describes what is
 * there.
 */
function persistenceMarks(plan: PlanJson): Map<string, boolean> {
  const marks = new Map<string, boolean>()
  for (const { type, change } of managedChanges(plan)) {
    if (type !== "coder_metadata") continue
    // A mark that the new version adds or changes counts as well.
    for (const values of [change.before, change.after]) mark(marks, values ?? undefined)
  }
  return marks
}

function mark(marks: Map<string, boolean>, metadata: Values | undefined): void {
  const resourceId = text(metadata, "resource_id")
  if (resourceId === undefined) return
  for (const item of blocks(metadata, "item")) {
    if (item["key"] === "persistent") marks.set(resourceId, item["value"] === "true")
  }
}
