# A workspace that is a Docker container on the provisioner's machine, with a volume for its home.

terraform {
  required_providers {
    coder = {
      source  = "coder/coder"
      version = "~> 2.4"
    }
    docker = {
      source  = "kreuzwerker/docker"
      version = "~> 3.0"
    }
  }
}

variable "docker_socket" {
  type        = string
  description = "Where Docker listens, for example unix:///run/user/1000/docker.sock."
  default     = ""
}

provider "docker" {
  host = var.docker_socket != "" ? var.docker_socket : null
}

data "coder_provisioner" "here" {}
data "coder_workspace" "me" {}
data "coder_workspace_owner" "me" {}

data "coder_parameter" "image" {
  name         = "image"
  display_name = "Image"
  description  = "Needs a shell, and Node.js 22 or curl for the agent."
  default      = "node:24"
  order        = 1
  option {
    name  = "Node.js"
    value = "node:24"
  }
  option {
    name  = "Debian with build tools"
    value = "buildpack-deps:bookworm"
  }
}

resource "coder_agent" "main" {
  os   = "linux"
  arch = data.coder_provisioner.here.arch
  env = {
    GIT_AUTHOR_NAME     = data.coder_workspace_owner.me.full_name
    GIT_AUTHOR_EMAIL    = data.coder_workspace_owner.me.email
    GIT_COMMITTER_NAME  = data.coder_workspace_owner.me.full_name
    GIT_COMMITTER_EMAIL = data.coder_workspace_owner.me.email
  }

  metadata {
    key          = "disk"
    display_name = "Home"
    script       = "du -sh ~ | cut -f1"
    interval     = 300
    timeout      = 30
  }
}

# Stays while the workspace is stopped, and is never destroyed by a start or a stop.
resource "docker_volume" "home" {
  name = "dormouse-${data.coder_workspace.me.id}-home"
  lifecycle {
    ignore_changes = all
  }
}

resource "docker_container" "workspace" {
  count    = data.coder_workspace.me.start_count
  image    = data.coder_parameter.image.value
  name     = "dormouse-${data.coder_workspace_owner.me.name}-${lower(data.coder_workspace.me.name)}"
  hostname = data.coder_workspace.me.name

  # A control plane on this machine has another name inside a container.
  entrypoint = ["sh", "-c", replace(coder_agent.main.init_script, "/localhost|127\\.0\\.0\\.1/", "host.docker.internal")]
  env        = ["CODER_AGENT_TOKEN=${coder_agent.main.token}"]

  host {
    host = "host.docker.internal"
    ip   = "host-gateway"
  }
  volumes {
    container_path = "/root"
    volume_name    = docker_volume.home.name
  }
}

resource "coder_metadata" "workspace" {
  count       = data.coder_workspace.me.start_count
  resource_id = docker_container.workspace[0].id
  item {
    key   = "image"
    value = data.coder_parameter.image.value
  }
}
